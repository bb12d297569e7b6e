"""Messages that leave: once, in order, with an honest outcome."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from protos import messaging_pb2 as pb
from services.kit.db import Row, Session
from services.messaging import deliveries, outcomes, sending
from services.messaging.sending import MessageNotSent, OutcomeUnknown
from tests.fakes.evolution_webhooks import Fault
from tests.messaging.builders import receive, thread, upsert
from tests.messaging.conftest import Shop
from tests.support import INTELLIGENCE, SUPERVISOR

PHONE = "5511988887777"


def said(conversation: pb.Conversation, content: str, **more: object) -> pb.SendMessageRequest:
    return pb.SendMessageRequest(conversation_id=conversation.id, content=content, **more)  # type: ignore[arg-type]


def sent_texts(shop: Shop) -> list[str]:
    return [line.text for line in shop.simulator.ledger]


async def test_a_message_leaves_and_is_marked_as_sent(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)

    sent = await sending.send(shop.db, SUPERVISOR, said(conversation, "Bom dia!"))

    assert sent.message.status in ("sent", "delivered", "read")
    assert sent_texts(shop) == ["Bom dia!"]
    await shop.simulator.settled()
    mine = [one for one in await thread(shop.db, conversation.id) if one.is_from_me]
    assert [one.message_id for one in mine] == [shop.simulator.ledger[0].external_id]


async def test_ten_at_once_leave_one_after_the_other(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)

    await asyncio.gather(*(sending.send(shop.db, SUPERVISOR, said(conversation, f"{n}")) for n in range(10)))

    await shop.simulator.settled()
    messages = [one for one in await thread(shop.db, conversation.id) if one.is_from_me]
    assert sorted(sent_texts(shop)) == sorted(str(n) for n in range(10))
    assert [one.content for one in messages] == sent_texts(shop)


async def test_the_same_client_id_is_sent_once(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    request = said(conversation, "Uma vez", client_message_id="abc")

    answers = await asyncio.gather(*(sending.send(shop.db, SUPERVISOR, request) for _ in range(5)))

    assert len({answer.message.id for answer in answers}) == 1
    assert sent_texts(shop) == ["Uma vez"]


async def test_a_client_id_is_one_of_its_conversation(shop: Shop) -> None:
    one, other = await shop.greeted_by(PHONE), await shop.greeted_by("5511977776666")

    for conversation in (one, other):
        await sending.send(shop.db, SUPERVISOR, said(conversation, "Oi", client_message_id="1"))

    assert sent_texts(shop) == ["Oi", "Oi"]


@pytest.mark.parametrize("echo", ["first", "after", "never"])
async def test_an_answer_that_never_comes_is_unknown_until_the_echo_tells(shop: Shop, echo: str) -> None:
    conversation = await shop.greeted_by(PHONE)
    shop.simulator.plan.echo = echo
    shop.simulator.plan.faults.append(Fault("cut"))

    try:
        answer = await sending.send(shop.db, SUPERVISOR, said(conversation, "Chegou?"))
        status = answer.message.status
    except OutcomeUnknown:
        status = "unknown"
    await shop.simulator.settled()

    (mine,) = [one for one in await thread(shop.db, conversation.id) if one.is_from_me]
    assert sent_texts(shop) == ["Chegou?"]
    assert mine.status == ("unknown" if echo == "never" else mine.status)
    assert echo == "never" or mine.message_id == shop.simulator.ledger[0].external_id
    assert status in ("unknown", "sent", "delivered", "read")


async def test_what_was_refused_is_failed_and_stays_visible(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    shop.simulator.plan.faults.append(Fault("status", status=400))

    with pytest.raises(MessageNotSent) as refused:
        await sending.send(shop.db, SUPERVISOR, said(conversation, "Não vai"))

    assert refused.value.details["success"] is False
    (mine,) = [one for one in await thread(shop.db, conversation.id) if one.is_from_me]
    assert mine.status == "failed"
    assert not shop.simulator.ledger


async def test_what_is_proven_not_sent_is_tried_again(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    shop.simulator.plan.faults += [Fault("closed"), Fault("status", status=503)]

    sent = await sending.send(shop.db, SUPERVISOR, said(conversation, "Na terceira"))

    assert sent.message.status in ("sent", "delivered", "read")
    assert sent_texts(shop) == ["Na terceira"]


async def test_a_service_delivers_once_under_its_key(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    request = pb.DeliverRequest(
        conversation_id=conversation.id, content="Lembrete", origin="reminder", key="reminder:1", wait=True
    )

    answers = [await deliveries.deliver(shop.db, INTELLIGENCE, request) for _ in range(3)]

    assert len({answer.message.id for answer in answers}) == 1
    assert sent_texts(shop) == ["Lembrete"]


@pytest.fixture
async def restored(shop: Shop) -> AsyncIterator[None]:
    """The database was brought back, and nobody has reconciled yet."""
    async with shop.db.begin() as session:
        await session.run(
            "insert into restores (restored_at) values (clock_timestamp() + interval '1 minute')"
        )
    yield
    async with shop.db.begin() as session:
        await session.run("delete from restores")


@pytest.mark.usefixtures("restored")
async def test_after_a_restore_nothing_leaves_until_somebody_has_reconciled(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)

    sending_one = asyncio.create_task(sending.send(shop.db, SUPERVISOR, said(conversation, "Depois")))
    await asyncio.sleep(1)
    held_back = sent_texts(shop)
    async with shop.db.begin() as session:
        await session.run("update restores set reconciled_at = clock_timestamp()")

    await sending_one
    assert held_back == []
    assert sent_texts(shop) == ["Depois"]


@pytest.mark.usefixtures("restored")
async def test_what_was_written_before_a_restore_is_not_answered_by_the_ai_again(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    async with shop.db.begin() as session:
        await session.run("update conversations set conversation_mode = 'ai'")
    (greeting,) = await thread(shop.db, conversation.id)

    answer = await deliveries.deliver(
        shop.db,
        INTELLIGENCE,
        pb.DeliverRequest(
            conversation_id=conversation.id,
            content="Olá!",
            origin="ai",
            key=f"ai:{greeting.id}",
            answers_message_id=greeting.id,
        ),
    )

    assert (answer.accepted, answer.reason) == (False, "restored")


async def test_an_echo_that_is_stored_while_the_outcome_is_written_makes_no_second_message(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = await shop.greeted_by(PHONE)
    shop.simulator.plan.echo = "never"
    make_room = outcomes._make_room

    async def too_early(session: Session, row: Row, external_id: str) -> int:
        room = await make_room(session, row, external_id)
        monkeypatch.setattr(outcomes, "_make_room", make_room)
        to = f"{PHONE}@s.whatsapp.net"
        await receive(shop.db, upsert(shop.name, "Outras", remoteJid=to, fromMe=True, id=external_id))
        return room

    monkeypatch.setattr(outcomes, "_make_room", too_early)
    sent = await sending.send(shop.db, SUPERVISOR, said(conversation, "Bom dia!"))

    mine = [one for one in await thread(shop.db, conversation.id) if one.is_from_me]
    assert [one.id for one in mine] == [sent.message.id]
    assert sent.message.status in ("sent", "delivered", "read")
    assert sent_texts(shop) == ["Bom dia!"]
