"""What no webhook told is fetched, once; what nobody knows the end of is asked for, and never sent again."""

from datetime import timedelta

import pytest

from protos import messaging_pb2 as pb
from services.kit.clock import now
from services.messaging import doubts, gaps, sending
from services.messaging.sending import OutcomeUnknown
from tests.fakes.evolution_webhooks import Fault
from tests.messaging.builders import announced, inbox, thread
from tests.messaging.conftest import Shop
from tests.support import SUPERVISOR

PHONE = "5511988887777"


def deafen(shop: Shop) -> None:
    """From now on no webhook arrives."""
    webhook = shop.simulator.instances[shop.name].webhook
    assert webhook
    webhook["enabled"] = False


async def fill(shop: Shop) -> int:
    return await gaps.fill_instance(shop.db, shop.instance, now() - timedelta(hours=1))


@pytest.fixture(autouse=True)
def young_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "YOUNGEST", timedelta(seconds=-1))


async def test_messages_that_no_webhook_told_are_fetched_once_and_counted(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE, "Antes")
    deafen(shop)
    for text in ("Durante", "Ainda"):
        shop.simulator.say(PHONE, text, instance=shop.name)
    shop.simulator.say("5511977776666", "Novo aqui", instance=shop.name)

    found = [await fill(shop) for _ in range(3)]

    assert found == [3, 0, 0]
    (mine,) = [one for one in await inbox(shop.db, instance_id=shop.instance) if one.id == conversation.id]
    assert mine.unread_count == 3
    assert [one.content for one in await thread(shop.db, conversation.id)] == ["Antes", "Durante", "Ainda"]
    assert (await announced(shop.db, conversation.id)).count("message_received") == 3


async def test_a_long_outage_is_fetched_page_by_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    deafen(shop)
    monkeypatch.setattr(gaps, "PAGE", 10)
    monkeypatch.setattr(gaps, "MOST_PAGES", 2)
    for n in range(60):
        at = now().timestamp() - 3000 + n * 45
        shop.simulator.say(PHONE, f"linha {n}", instance=shop.name, at=at)

    assert await fill(shop) == 60

    (conversation,) = await inbox(shop.db, instance_id=shop.instance)
    assert [one.content for one in await thread(shop.db, conversation.id)] == [
        f"linha {n}" for n in range(60)
    ]
    assert conversation.unread_count == 60


async def test_what_no_database_takes_does_not_keep_the_rest_away(shop: Shop) -> None:
    deafen(shop)
    for text in ("Antes", "Nulo\0aqui", "Depois"):
        shop.simulator.say(PHONE, text, instance=shop.name)

    assert await fill(shop) == 3

    (conversation,) = await inbox(shop.db, instance_id=shop.instance)
    said = {one.content for one in await thread(shop.db, conversation.id)}
    assert said == {"Antes", "Nuloaqui", "Depois"}


async def test_what_the_owner_typed_and_how_far_ours_got_is_learned_too(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    shop.simulator.plan.statuses = []
    request = pb.SendMessageRequest(
        conversation_id=conversation.id, content="Bom dia", skip_agent_prefix=True
    )
    await sending.send(shop.db, SUPERVISOR, request)
    await shop.simulator.settled()
    deafen(shop)
    shop.simulator.status(shop.simulator.ledger[0].external_id, "READ", instance=shop.name)
    shop.simulator.answer_by_phone(PHONE, "Do celular", instance=shop.name)

    await fill(shop)
    await fill(shop)

    ours = {one.content: one for one in await thread(shop.db, conversation.id) if one.is_from_me}
    assert ours["Bom dia"].status == "read"
    assert ours["Do celular"].origin == "phone"
    assert len(shop.simulator.ledger) == 1


async def test_the_first_time_what_was_before_is_left_alone(shop: Shop) -> None:
    deafen(shop)
    shop.simulator.say(PHONE, "Há muito tempo", instance=shop.name)

    assert await gaps.fill_instance(shop.db, shop.instance, None) == 0

    assert await inbox(shop.db, instance_id=shop.instance) == []


async def send_into_the_dark(shop: Shop, conversation: pb.Conversation, *, arrives: bool) -> None:
    shop.simulator.plan.echo = "never"
    shop.simulator.plan.faults.append(Fault("cut" if arrives else "drop"))
    request = pb.SendMessageRequest(
        conversation_id=conversation.id, content="Chegou?", skip_agent_prefix=True
    )
    with pytest.raises(OutcomeUnknown):
        await sending.send(shop.db, SUPERVISOR, request)


async def resolve_all(shop: Shop) -> None:
    """Every look that there is, without the pauses between them."""
    for _ in range(6):
        async with shop.db.begin() as session:
            await session.run(
                "update sends set finished_at = now() - interval '1 day' where state = 'unknown'"
            )
        await doubts.resolve(shop.db)


async def test_a_doubt_is_settled_where_evolution_has_the_message(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    await send_into_the_dark(shop, conversation, arrives=True)

    await resolve_all(shop)

    (mine,) = [one for one in await thread(shop.db, conversation.id) if one.is_from_me]
    assert mine.message_id == shop.simulator.ledger[0].external_id
    assert mine.status in ("sent", "delivered")
    assert len(shop.simulator.ledger) == 1


async def test_a_doubt_that_nobody_can_settle_stays_one_and_nothing_is_sent_again(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    await send_into_the_dark(shop, conversation, arrives=False)
    shop.simulator.answer_by_phone(PHONE, "Chegou?", instance=shop.name)  # the same words, of a person
    await shop.simulator.settled()

    await resolve_all(shop)

    assert (
        sorted(one.status for one in await thread(shop.db, conversation.id) if one.is_from_me)[-1]
        == "unknown"
    )
    assert not shop.simulator.ledger


async def test_a_doubt_that_came_back_as_somebody_elses_is_recognised(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE)
    await send_into_the_dark(shop, conversation, arrives=True)

    await fill(shop)

    (mine,) = [one for one in await thread(shop.db, conversation.id) if one.is_from_me]
    assert mine.message_id == shop.simulator.ledger[0].external_id
    assert mine.sent_by == SUPERVISOR.id


async def test_what_a_dead_process_had_claimed_left_where_its_echo_came_and_is_unknown_else(
    shop: Shop,
) -> None:
    conversation = await shop.greeted_by(PHONE)
    for text in ("Sem eco", "Com eco"):
        request = pb.SendMessageRequest(conversation_id=conversation.id, content=text, skip_agent_prefix=True)
        await sending.send(shop.db, SUPERVISOR, request)
    await shop.simulator.settled()
    async with shop.db.begin() as session:  # as it is between the claim and the answer
        await session.run(
            "update sends set state = 'dispatching', claimed_at = now() - interval '2 minutes'"
            " where instance_id = %(id)s",
            id=shop.instance,
        )
        await session.run(
            "update messages set status = 'sending', progress = 0,"
            " message_id = case content when 'Sem eco' then 'local:' || id else message_id end"
            " where instance_id = %(id)s and is_from_me",
            id=shop.instance,
        )

    for _ in range(2):
        await doubts.settle_lost(shop.db)

    ends = {one.content: one.status for one in await thread(shop.db, conversation.id) if one.is_from_me}
    assert ends == {"Sem eco": "unknown", "Com eco": "sent"}
    assert len(shop.simulator.ledger) == 2
