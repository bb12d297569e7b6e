"""Asking for a person: one escalation per conversation, and who sees which."""

from collections import Counter
from typing import Any

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import escalating, escalations, notifications
from services.campaigns.escalating import ConversationNotFound
from services.campaigns.escalations import TRANSITIONS, EscalationEnded, EscalationNotFound
from services.campaigns.notifications import NotificationNotFound
from services.campaigns.resolutions import NotYours
from services.kit.actor import Actor
from services.kit.clock import now, rfc3339
from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from tests.campaigns.colleagues import Identity, Sales
from tests.campaigns.messaging_server import Chat, Gate, Trouble
from tests.campaigns.world import announced, at_once, escalation, prepare, resolve, rows_of, settle, tell
from tests.support import INTELLIGENCE, JOAO, MARIA, SUPERVISOR


async def listed(db: Database, actor: Actor, **fields: Any) -> pb.ListEscalationsResponse:
    async with db.read() as session:
        return await escalations.list_escalations(session, actor, pb.ListEscalationsRequest(**fields))


async def test_an_escalation_remembers_the_conversation_as_it_was(
    db: Database, gate: Gate, sales: Sales
) -> None:
    chat = gate.open(Chat(sentiment="negative", assigned_to=MARIA.id))
    sales.add(conversation_id=chat.id, lead_score=72)

    made = await escalation(db, chat.id, reason="keyword", escalation_keyword="atendente", notes="Calma")

    assert (made.reason, made.escalation_keyword, made.notes) == ("keyword_match", "atendente", "Calma")
    assert (made.original_agent_id, made.customer_sentiment, made.lead_score) == (MARIA.id, "negative", 72)
    assert (made.status, made.priority, made.escalation_type) == ("pending", "medium", "user")
    assert made.created_by == SUPERVISOR.id
    assert chat.mode == "human"


async def test_without_sales_an_escalation_is_made_all_the_same(
    db: Database, gate: Gate, sales: Sales
) -> None:
    chat = gate.open(Chat())
    sales.away = True

    assert not (await escalation(db, chat.id)).HasField("lead_score")


async def test_a_conversation_that_does_not_exist_is_not_found(db: Database) -> None:
    with pytest.raises(ConversationNotFound):
        await escalation(db, new_id())


async def test_a_colleagues_conversation_does_not_exist_for_an_agent(db: Database, gate: Gate) -> None:
    taken, free = gate.open(Chat(assigned_to=JOAO.id)), gate.open(Chat())

    with pytest.raises(ConversationNotFound):
        await escalation(db, taken.id, MARIA)
    with pytest.raises(ConversationNotFound):
        await prepare(db, MARIA, taken.id, create=True)
    assert (await escalation(db, free.id, MARIA)).created_by == MARIA.id
    assert (await escalation(db, taken.id, JOAO)).created_by == JOAO.id


async def test_the_second_escalation_of_a_conversation_is_the_first_one(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    first = await escalation(db, chat.id, priority="high")

    request = pb.CreateEscalationRequest(conversation_id=chat.id, reason="manual", priority="low")
    answer = await escalating.create(db, SUPERVISOR, request)

    assert (answer.existing, answer.http_status, answer.escalation.id) == (True, 200, first.id)
    assert answer.escalation.priority == "high"
    assert (await announced(db)).count("EscalationCreated") == 1


async def test_a_higher_priority_raises_the_one_that_is_there(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    await escalation(db, chat.id, escalated_to="")

    raised = await escalation(db, chat.id, priority="urgent")

    assert raised.priority == "urgent"
    assert (await announced(db)).count("EscalationPriorityChanged") == 1


async def test_a_hundred_requests_make_one_escalation(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())

    made = await at_once(*(escalation(db, chat.id) for _ in range(100)))

    assert len({one.id for one in made}) == 1
    assert (await announced(db)).count("EscalationCreated") == 1


async def test_a_named_colleague_gets_it_and_the_conversation(
    db: Database, gate: Gate, identity: Identity
) -> None:
    chat = gate.open(Chat())
    identity.add(id=JOAO.id, status="offline")

    made = await escalation(db, chat.id, MARIA, escalated_to=JOAO.id)

    assert (made.status, made.escalated_to, made.assignment_method) == ("assigned", JOAO.id, "manual")
    assert chat.assigned_to == JOAO.id
    (told,) = await rows_of(db, "select * from escalation_notifications")
    assert (told.user_id, told.type) == (JOAO.id, "new_escalation")
    assert await announced(db) == ["EscalationCreated", "NotificationAdded", "EscalationAssigned"]


async def test_nobody_is_named_who_does_not_work_here(db: Database, gate: Gate, identity: Identity) -> None:
    chat = gate.open(Chat())
    identity.add(id=JOAO.id)
    identity.people[JOAO.id].is_active = False

    with pytest.raises(Invalid) as refused:
        await escalation(db, chat.id, escalated_to=JOAO.id)

    assert [*refused.value.fields] == ["escalatedTo"]


async def test_who_is_there_gets_it_at_once(db: Database, gate: Gate, identity: Identity) -> None:
    chat = gate.open(Chat())
    agent = identity.add()

    made = await escalation(db, chat.id)

    assert (made.status, made.escalated_to, made.assignment_method) == ("assigned", agent, "round_robin")
    assert chat.assigned_to == agent


async def test_everybody_who_could_take_it_is_told_while_nobody_is_there(
    db: Database, gate: Gate, identity: Identity
) -> None:
    agents = {identity.add(status="offline"), identity.add(status="busy")}
    identity.add("supervisor")
    chat = gate.open(Chat())

    made = await escalation(db, chat.id)
    await settle(db)

    told = await rows_of(db, "select user_id, type from escalation_notifications")
    assert {(row.user_id, row.type) for row in told} == {(agent, "new_escalation") for agent in agents}
    assert len(told) == 2
    assert made.status == "pending"


async def test_where_there_are_no_agents_those_who_lead_are_told(
    db: Database, gate: Gate, identity: Identity
) -> None:
    leaders = {identity.add("supervisor"), identity.add("admin")}

    await escalation(db, gate.open(Chat()).id)
    await settle(db)

    told = await rows_of(db, "select user_id from escalation_notifications where type = 'new_escalation'")
    assert {row.user_id for row in told} == leaders


async def test_what_messaging_missed_it_hears_again(db: Database, gate: Gate, identity: Identity) -> None:
    chat = gate.open(Chat())
    agent = identity.add()
    gate.troubles.append(Trouble("SetMode", 1))

    made = await escalation(db, chat.id)
    assert (made.status, chat.mode) == ("pending", "ai")
    await settle(db)

    assert (chat.mode, chat.assigned_to) == ("human", agent)


async def test_repeated_announcements_silence_and_hand_over_once(
    db: Database, gate: Gate, identity: Identity
) -> None:
    chat = gate.open(Chat())
    identity.add()
    made = await escalation(db, chat.id)
    created = pb.EscalationCreated(conversation_id=chat.id, escalation_id=made.id)
    assigned = pb.EscalationAssigned(
        conversation_id=chat.id, escalation_id=made.id, assigned_to=made.escalated_to
    )

    await settle(db)
    await tell(db, created, assigned, times=3)

    assert gate.calls["SetMode"] == gate.calls["AssignConversation"] == 1


async def test_the_queue_is_sorted_by_urgency_and_then_by_age(db: Database, gate: Gate) -> None:
    for priority in ("low", "urgent", "medium", "urgent", "high"):
        await escalation(db, gate.open(Chat()).id, priority=priority)

    queue: list[pb.Escalation] = []
    cursor = ""
    while True:
        page = await listed(db, SUPERVISOR, sort="queue", limit=2, cursor=cursor)
        queue += page.escalations
        cursor = page.pagination.next_cursor
        if not cursor:
            break

    assert [one.priority for one in queue] == ["urgent", "urgent", "high", "medium", "low"]
    assert queue[0].created_at <= queue[1].created_at
    assert page.stats == pb.EscalationStats(pending=5, high_priority=3)


async def test_agents_see_theirs_and_what_waits_for_anybody(
    db: Database, gate: Gate, identity: Identity
) -> None:
    identity.config["escalations.auto_distribute"] = False
    for actor in (MARIA, JOAO):
        identity.add(id=actor.id)
    waiting = await escalation(db, gate.open(Chat()).id)
    marias = await escalation(db, gate.open(Chat()).id, escalated_to=MARIA.id)
    joaos = await escalation(db, gate.open(Chat()).id, escalated_to=JOAO.id)
    was_marias = await escalation(db, gate.open(Chat(assigned_to=MARIA.id)).id, escalated_to=JOAO.id)

    async def seen(actor: Actor, **fields: Any) -> set[str]:
        return {one.id for one in (await listed(db, actor, **fields)).escalations}

    assert await seen(MARIA) == {waiting.id, marias.id, was_marias.id}
    assert await seen(JOAO) == {waiting.id, joaos.id, was_marias.id}
    assert await seen(SUPERVISOR) == {waiting.id, marias.id, joaos.id, was_marias.id}
    assert await seen(SUPERVISOR, escalated_to="none") == {waiting.id}
    assert await seen(JOAO, escalated_to="me", status=["assigned"]) == {joaos.id, was_marias.id}
    assert await seen(MARIA, escalated_to=JOAO.id) == {was_marias.id}
    assert await seen(SUPERVISOR, conversation_id=waiting.conversation_id) == {waiting.id}
    assert await seen(SUPERVISOR, sector_id=new_id()) == set()
    assert (await listed(db, MARIA)).stats.assigned == 2


async def test_only_the_assignee_or_a_supervisor_resolves(
    db: Database, gate: Gate, identity: Identity
) -> None:
    identity.config["escalations.auto_distribute"] = False
    identity.add(id=JOAO.id)
    joaos = await escalation(db, gate.open(Chat()).id, escalated_to=JOAO.id)
    was_marias = await escalation(db, gate.open(Chat(assigned_to=MARIA.id)).id, escalated_to=JOAO.id)

    with pytest.raises(EscalationNotFound):
        await resolve(db, MARIA, joaos.id)
    with pytest.raises(NotYours):
        await resolve(db, MARIA, was_marias.id)
    with pytest.raises(EscalationNotFound):
        await resolve(db, SUPERVISOR, new_id())
    assert (await resolve(db, JOAO, joaos.id)).resolved_by == JOAO.id
    assert (await resolve(db, SUPERVISOR, was_marias.id)).resolved_by == SUPERVISOR.id


async def test_resolving_keeps_the_note_of_the_handover(db: Database, gate: Gate) -> None:
    made = await escalation(db, gate.open(Chat()).id, notes="Cliente irritado")

    resolved = await resolve(db, SUPERVISOR, made.id, notes="Trocado o produto")

    assert (resolved.status, resolved.notes, resolved.resolution_notes) == (
        "resolved",
        "Cliente irritado",
        "Trocado o produto",
    )
    with pytest.raises(EscalationEnded):
        await resolve(db, SUPERVISOR, made.id)
    assert (await announced(db)).count("EscalationResolved") == 1


async def test_after_resolving_the_conversation_may_be_the_ais_again(
    db: Database, gate: Gate, identity: Identity
) -> None:
    chat = gate.open(Chat())
    identity.add()
    made = await escalation(db, chat.id)
    gate.troubles.append(Trouble("AssignConversation", 1))

    await resolve(db, SUPERVISOR, made.id, return_to_ai=True)
    await settle(db)

    assert (chat.mode, chat.assigned_to) == ("ai", None)
    calls = gate.calls["SetMode"]
    await tell(db, pb.EscalationResolved(conversation_id=chat.id, escalation_id=made.id, returned_to_ai=True))
    assert gate.calls["SetMode"] == calls


async def test_after_an_end_the_conversation_may_be_escalated_again(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    first = await escalation(db, chat.id)
    await resolve(db, SUPERVISOR, first.id)

    assert (await escalation(db, chat.id)).id != first.id


async def test_services_escalate_in_their_own_name(db: Database, gate: Gate) -> None:
    made = await escalation(db, gate.open(Chat()).id, INTELLIGENCE, reason="ai_failure")

    assert not made.HasField("created_by")


async def test_notifications_are_their_readers_own(db: Database, gate: Gate, identity: Identity) -> None:
    identity.add(id=MARIA.id)
    await escalation(db, gate.open(Chat()).id)

    async with db.begin() as session:
        mine = await notifications.list_notifications(
            session, MARIA, pb.ListNotificationsRequest(unread=True)
        )
        theirs = await notifications.list_notifications(session, JOAO, pb.ListNotificationsRequest())
        (one,) = mine.notifications
        with pytest.raises(NotificationNotFound):
            await notifications.read(session, JOAO, pb.ReadNotificationRequest(id=one.id))
        read = await notifications.read(session, MARIA, pb.ReadNotificationRequest(id=one.id))
        again = await notifications.list_notifications(
            session, MARIA, pb.ListNotificationsRequest(unread=True)
        )

    assert (one.type, len(theirs.notifications)) == ("reassignment", 0)
    assert read.notification.read_at <= rfc3339(now())
    assert not again.notifications


def test_what_has_ended_stays_ended() -> None:
    assert {*TRANSITIONS} == {"pending", "assigned"}
    assert Counter(status for targets in TRANSITIONS.values() for status in targets)["pending"] == 1
