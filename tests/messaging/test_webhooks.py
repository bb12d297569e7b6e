"""Webhooks: stored once, in the right conversation, whatever comes with them."""

import asyncio

import orjson
import pytest

from protos import messaging_pb2 as pb
from services.kit.actor import service
from services.kit.clock import now
from services.kit.db import Database
from services.kit.tables import new_id
from services.messaging import conversations, instances, sending, webhooks
from services.messaging.models import Conversation
from tests.support import ADMIN, SUPERVISOR

GATEWAY = service("gateway")


@pytest.fixture
async def instance(db: Database) -> str:
    """The name of an instance that exists."""
    name = f"wa-{new_id()}"
    async with db.begin() as session:
        await instances.create(
            session,
            ADMIN,
            pb.CreateInstanceRequest(
                name="Atendimento", instance_name=name, api_url="http://127.0.0.1:9", api_key="invented"
            ),
        )
    return name


def upsert(instance: str, text: str, at: int = 1795459370, **overrides: object) -> bytes:
    key = {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": False, "id": new_id(), **overrides}
    data = {
        "key": key,
        "pushName": "Maria",
        "message": {"conversation": text},
        "messageType": "conversation",
        "messageTimestamp": at,
    }
    return orjson.dumps(
        {"event": "messages.upsert", "instance": instance, "data": data, "apikey": "invented"}
    )


async def receive(db: Database, *bodies: bytes) -> list[pb.Receipt]:
    request = pb.ReceiveWebhooksRequest(webhooks=[pb.Webhook(body=body) for body in bodies])
    return [*(await webhooks.receive(db, GATEWAY, request)).receipts]


async def inbox(db: Database, search: str) -> list[pb.Conversation]:
    async with db.read() as session:
        request = pb.ListConversationsRequest(search=search, limit=200)
        return [*(await conversations.list_conversations(session, SUPERVISOR, request)).conversations]


async def test_a_repeated_webhook_changes_nothing(db: Database, instance: str) -> None:
    body = upsert(instance, f"oi {instance}")

    receipts = await asyncio.gather(*(receive(db, body) for _ in range(20)))

    assert {(one.status, one.received) for batch in receipts for one in batch} == {(200, True)}
    (conversation,) = await inbox(db, instance)
    assert conversation.unread_count == 1
    assert conversation.contact_name == "Maria"


async def test_a_batch_is_one_transaction_and_keeps_the_order_of_messages(
    db: Database, instance: str
) -> None:
    bodies = [upsert(instance, f"{n} {instance}") for n in range(5)]

    await receive(db, *bodies)

    (conversation,) = await inbox(db, instance)
    assert conversation.unread_count == 5
    async with db.read() as session:
        detail = await conversations.get_conversation(
            session, SUPERVISOR, pb.GetConversationRequest(id=conversation.id)
        )
    assert [one.content for one in detail.messages] == [f"{n} {instance}" for n in range(5)]


async def test_a_poisoned_body_is_set_aside_and_does_not_spoil_its_batch(db: Database, instance: str) -> None:
    poison = upsert(instance, "texto", remoteJid="55119" + "9" * 5000 + "@s.whatsapp.net")
    good = upsert(instance, f"oi {instance}")

    receipts = await receive(db, poison, good)

    assert receipts[1].processed == 1
    assert receipts[0].status == 200
    assert len(await inbox(db, instance)) == 1


async def test_what_is_not_ours_yet_is_quarantined(db: Database) -> None:
    (receipt,) = await receive(db, upsert(f"unknown-{new_id()}", "oi"))

    assert (receipt.status, receipt.quarantined, receipt.reason) == (200, True, "Instance not found")


async def test_what_is_not_json_is_refused(db: Database) -> None:
    (receipt,) = await receive(db, b"not json")

    assert receipt.status == 400


async def test_a_customer_who_writes_in_the_second_of_our_answer_comes_after_it(
    db: Database, instance: str
) -> None:
    await receive(db, upsert(instance, f"antes {instance}"))
    (conversation,) = await inbox(db, instance)
    async with db.begin() as session:
        target = await session.first(sending.TARGET.where(Conversation.id == conversation.id))
        await sending.queue(session, target, sending.Draft("resposta", "human"))

    second = int(now().timestamp())
    await receive(db, upsert(instance, f"depois {instance}", at=second))

    async with db.read() as session:
        request = pb.GetConversationRequest(id=conversation.id)
        detail = await conversations.get_conversation(session, SUPERVISOR, request)
    assert [one.content.split()[0] for one in detail.messages] == ["antes", "resposta", "depois"]
