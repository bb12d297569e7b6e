"""The gate for campaigns: under a key at most once, at a safe pace, behind people, never against a wish."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from protos import messaging_pb2 as pb
from services.kit.actor import service
from services.kit.clock import now, rfc3339
from services.kit.tables import new_id
from services.messaging import attachments, deliveries, instances, sending
from services.messaging.sending import MessageNotSent
from tests.messaging.conftest import Shop
from tests.support import ADMIN, SUPERVISOR

CAMPAIGNS = service("campaigns")
PHONE = "5511988887777"
PDF = b"%PDF-1.4\n%%EOF\n"
FINAL = {"sent", "failed", "unknown", "cancelled", "dropped"}


@pytest.fixture
async def conversation(shop: Shop) -> pb.Conversation:
    return await shop.greeted_by(PHONE)


def message(shop: Shop, conversation: pb.Conversation, text: str, **more: str) -> pb.QueuedMessage:
    return pb.QueuedMessage(
        key=f"campaign:{new_id()}:1",
        instance_id=shop.instance,
        contact_id=conversation.contact_id,
        content=text,
        origin="campaign",
        **more,
    )


async def queue(shop: Shop, *messages: pb.QueuedMessage) -> list[str]:
    """The keys that are refused."""
    async with shop.db.begin() as session:
        request = pb.QueueMessagesRequest(messages=messages)
        return [*(await deliveries.queue_messages(session, CAMPAIGNS, request)).refused_keys]


async def take_back(shop: Shop, *keys: str) -> list[str]:
    """The keys of which nothing will ever leave."""
    async with shop.db.begin() as session:
        request = pb.CancelQueuedRequest(keys=keys)
        return [*(await deliveries.cancel_queued(session, CAMPAIGNS, request)).keys]


async def ends(shop: Shop, *messages: pb.QueuedMessage) -> list[tuple[str, str | None]]:
    """How each of these ended, and why."""
    states: dict[str, tuple[str, str | None]] = {}
    async with asyncio.timeout(20):
        while len(states) < len(messages) or {state for state, _ in states.values()} - FINAL:
            async with shop.db.read() as session:
                rows = await session.all(
                    "select key, state, error from sends where key = any(%(keys)s)",
                    keys=[one.key for one in messages],
                )
            states = {row.key: (row.state, row.error) for row in rows}
            await asyncio.sleep(0.05)
    return [states[one.key] for one in messages]


def sent_texts(shop: Shop) -> list[str]:
    return [line.text for line in shop.simulator.ledger]


async def test_a_key_is_sent_once_however_often_it_is_queued(
    shop: Shop, conversation: pb.Conversation
) -> None:
    offer = message(shop, conversation, "Oferta")

    for _ in range(3):
        assert await queue(shop, offer) == []
        await ends(shop, offer)

    assert sent_texts(shop) == ["Oferta"]


async def test_a_key_that_was_taken_back_is_never_sent(shop: Shop, conversation: pb.Conversation) -> None:
    early, late = message(shop, conversation, "Cedo"), message(shop, conversation, "Tarde")
    first = message(shop, conversation, "Primeira")

    assert await take_back(shop, late.key) == [late.key]
    assert await queue(shop, first, early, late) == [late.key]
    (ended,) = await ends(shop, first)

    assert ended == ("sent", None)
    assert await take_back(shop, first.key, early.key) == [early.key]
    assert await ends(shop, early) == [("cancelled", None)]
    await asyncio.sleep(1.5)
    assert sent_texts(shop) == ["Primeira"]


async def test_who_opts_out_while_messages_wait_gets_none_of_them(
    shop: Shop, conversation: pb.Conversation
) -> None:
    first, second = message(shop, conversation, "Primeira"), message(shop, conversation, "Segunda")
    await queue(shop, first, second)
    await ends(shop, first)

    await shop.greeted_by(PHONE, "SAIR")

    assert await ends(shop, second) == [("dropped", "opted_out")]
    assert "Segunda" not in sent_texts(shop)


async def test_what_is_past_its_hour_does_not_leave(shop: Shop, conversation: pb.Conversation) -> None:
    late = message(shop, conversation, "Tarde demais", not_after=rfc3339(now() - timedelta(seconds=1)))

    await queue(shop, late)

    assert await ends(shop, late) == [("dropped", "expired")]
    assert sent_texts(shop) == []


async def test_where_an_instance_is_switched_off_people_are_told_and_campaigns_wait(
    shop: Shop, conversation: pb.Conversation
) -> None:
    async def switch(*, on: bool) -> None:
        await instances.change(shop.db, ADMIN, pb.UpdateInstanceRequest(id=shop.instance, is_active=on))

    offer = message(shop, conversation, "Oferta")
    await switch(on=False)
    await queue(shop, offer)
    request = pb.SendMessageRequest(conversation_id=conversation.id, content="Bom dia")
    with pytest.raises(MessageNotSent) as refused:
        await sending.send(shop.db, SUPERVISOR, request)
    before = sent_texts(shop)
    await switch(on=True)

    assert refused.value.details["message"] == "This instance is switched off."
    assert await ends(shop, offer) == [("sent", None)]
    assert (before, sent_texts(shop)) == ([], ["Oferta"])


async def test_people_do_not_wait_for_campaigns_and_campaigns_keep_their_pace(
    shop: Shop, conversation: pb.Conversation
) -> None:
    offers = [message(shop, conversation, f"Oferta {number}") for number in range(3)]
    await queue(shop, *offers)
    await ends(shop, offers[0])

    request = pb.SendMessageRequest(
        conversation_id=conversation.id, content="Bom dia", skip_agent_prefix=True
    )
    await sending.send(shop.db, SUPERVISOR, request)
    await ends(shop, *offers)

    texts = sent_texts(shop)
    assert texts.index("Bom dia") < texts.index("Oferta 2")
    times = [line.at for line in shop.simulator.ledger if line.text.startswith("Oferta")]
    assert all(after - before > 0.9 for before, after in itertools.pairwise(times))


async def test_a_stored_document_goes_out_under_its_own_name(
    shop: Shop, conversation: pb.Conversation
) -> None:
    name = "Tabela de preços.pdf"
    file = await attachments.keep(shop.db, SUPERVISOR, PDF, "application/pdf", name)

    await queue(shop, message(shop, conversation, "Veja", media_url=file.place, media_type="document"))

    (got,) = await shop.simulator.wait_for(PHONE, 1)
    assert (got.file, got.text) == (PDF, "Veja")
    record = shop.simulator.instances[shop.name].stored[got.external_id].record
    assert record["message"]["documentMessage"]["fileName"] == name
