"""Webhooks: stored once, in the right conversation, whatever comes with them."""

import asyncio

import orjson
import pytest

from services.kit.clock import now
from services.kit.db import Database
from services.kit.tables import new_id
from services.messaging import queueing
from tests.messaging.builders import (
    envelope,
    inbox,
    make_instance,
    phone,
    receive,
    thread,
    upsert,
    written_by,
)

AT = "2026-11-28T10:00:00.000Z"


@pytest.fixture
async def instance(db: Database) -> str:
    """The name of an instance that exists."""
    name = f"wa-{new_id()}"
    await make_instance(db, name)
    return name


async def id_of(db: Database, instance: str) -> str:
    async with db.read() as session:
        return str(
            await session.scalar("select id from instances where instance_name = %(name)s", name=instance)
        )


async def test_a_repeated_webhook_changes_nothing(db: Database, instance: str) -> None:
    body = upsert(instance, f"oi {instance}")

    receipts = await asyncio.gather(*(receive(db, body) for _ in range(20)))

    assert {(one.status, one.received) for batch in receipts for one in batch} == {(200, True)}
    (conversation,) = await inbox(db, search=instance)
    assert conversation.unread_count == 1
    assert conversation.contact_name == "Maria"


async def test_a_batch_is_one_transaction_and_keeps_the_order_of_messages(
    db: Database, instance: str
) -> None:
    bodies = [upsert(instance, f"{n} {instance}") for n in range(5)]

    await receive(db, *bodies)

    (conversation,) = await inbox(db, search=instance)
    assert conversation.unread_count == 5
    assert [one.content for one in await thread(db, conversation.id)] == [f"{n} {instance}" for n in range(5)]


async def test_a_poisoned_body_is_set_aside_and_does_not_spoil_its_batch(db: Database, instance: str) -> None:
    poison = upsert(instance, "texto", remoteJid="55119" + "9" * 5000 + "@s.whatsapp.net")
    good = upsert(instance, f"oi {instance}")

    receipts = await receive(db, poison, good)

    assert receipts[1].processed == 1
    assert receipts[0].status == 200
    assert len(await inbox(db, search=instance)) == 1


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
    (conversation,) = await inbox(db, search=instance)
    async with db.begin() as session:
        target = await session.first(queueing.BY_ID, id=conversation.id)
        await queueing.queue(session, target, queueing.Draft("resposta", "human"))

    await receive(db, upsert(instance, f"depois {instance}", at=int(now().timestamp())))

    said = [one.content.split()[0] for one in await thread(db, conversation.id)]
    assert said == ["antes", "resposta", "depois"]


async def test_the_words_of_an_audio_come_with_it(db: Database, instance: str) -> None:
    body = orjson.loads(upsert(instance, ""))
    body["data"]["messageType"] = "audioMessage"
    body["data"]["message"] = {"audioMessage": {"seconds": 3, "ptt": True}, "speechToText": "[audio] Bom dia"}

    await receive(db, orjson.dumps(body))

    (conversation,) = await inbox(db, instance_id=await id_of(db, instance))
    (message,) = await thread(db, conversation.id)
    assert (message.message_type, message.audio_transcription) == ("audio", "Bom dia")
    assert message.transcription_status == "completed"
    assert "transcription" not in orjson.loads(message.metadata)


async def test_of_a_group_is_shown_who_spoke_last_and_how_they_look(db: Database, instance: str) -> None:
    number, group, picture = phone(), f"{phone()}-1@g.us", "https://pps.whatsapp.net/v/maria.jpg"
    jid = f"{number}@s.whatsapp.net"
    await written_by(db, instance, number)
    await receive(db, envelope("contacts.update", instance, {"remoteJid": jid, "profilePicUrl": picture}, AT))

    await receive(db, upsert(instance, "Oi", remoteJid=group, participant=jid))
    await receive(db, upsert(instance, "Oi", remoteJid=f"{phone()}-2@g.us", participant=f"{phone()}@lid"))

    groups = [one for one in await inbox(db, instance_id=await id_of(db, instance)) if one.is_group]
    shown = [orjson.loads(one.metadata)["last_sender"] for one in groups]
    assert {one["phone"]: one["avatar_url"] for one in shown} == {number: picture, None: None}
