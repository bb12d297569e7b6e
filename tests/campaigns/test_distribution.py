"""Giving escalations to people, under the lock of the pool."""

from collections import Counter
from typing import Any

import pytest

from protos import campaigns_pb2 as pb
from protos import identity_pb2
from protos import messaging_pb2 as messaging
from services.campaigns import distribution, distribution_config, resolutions
from services.campaigns.distribution import NotDistributable
from services.campaigns.escalations import EscalationEnded, EscalationNotFound
from services.kit.db import Database
from services.kit.errors import Invalid, Unavailable
from services.kit.tables import new_id
from tests.campaigns.colleagues import Identity
from tests.campaigns.messaging_server import Chat, Gate, Trouble
from tests.campaigns.world import announced, at_once, escalation, prepare, rows_of, settle, tell, waiting
from tests.support import JOAO, MARIA, SUPERVISOR


async def distribute(db: Database, **fields: Any) -> pb.DistributeEscalationsResponse:
    return await distribution.distribute(db, SUPERVISOR, pb.DistributeEscalationsRequest(**fields))


async def test_a_hundred_at_once_are_shared_out_fairly(db: Database, gate: Gate, by_hand: Identity) -> None:
    agents = [by_hand.add() for _ in range(7)]
    pending = await waiting(db, gate, 100)
    await distribution_config.set_distribution(
        db, SUPERVISOR, pb.SetDistributionRequest(max_concurrent_per_agent=100)
    )

    answers = await at_once(*(distribute(db, escalation_id=one.id) for one in pending))

    counts = Counter(answer.assigned_to for answer in answers)
    assert {*counts} == {*agents}
    assert max(counts.values()) - min(counts.values()) <= 1
    rows = await rows_of(db, "select escalated_to, count(*) from escalations group by escalated_to")
    assert {row.escalated_to: row.count for row in rows} == dict(counts)


@pytest.mark.parametrize("method", ["round_robin", "least_load"])
async def test_nobody_gets_more_than_fits_however_many_come_at_once(
    db: Database, gate: Gate, by_hand: Identity, method: str
) -> None:
    agents = [by_hand.add() for _ in range(3)]
    pending = await waiting(db, gate, 20)

    answers = await at_once(*(distribute(db, escalation_id=one.id, method=method) for one in pending))

    assert Counter(answer.assigned_to for answer in answers) == {**dict.fromkeys(agents, 5), "": 5}
    assert Counter(answer.method for answer in answers) == {method: 15, "agents_at_capacity": 5}


async def test_the_same_escalation_is_given_once_however_often_it_is_asked(
    db: Database, gate: Gate, by_hand: Identity
) -> None:
    [by_hand.add() for _ in range(3)]
    (one,) = await waiting(db, gate, 1)

    answers = await at_once(*(distribute(db, escalation_id=one.id) for _ in range(20)))

    given = {answer.assigned_to for answer in answers if not isinstance(answer, EscalationEnded)}
    assert len(given) == 1
    assert (await announced(db)).count("EscalationAssigned") == 1


@pytest.mark.parametrize(
    ("presence", "method"),
    [(None, "no_agents"), ("offline", "no_available_agents"), ("busy", "no_available_agents")],
)
async def test_nobody_there_is_said_why(
    db: Database, gate: Gate, by_hand: Identity, presence: str | None, method: str
) -> None:
    if presence:
        by_hand.add(status=presence)
    (one,) = await waiting(db, gate, 1)

    answer = await distribute(db, escalation_id=one.id)

    assert (answer.method, answer.HasField("assigned_to"), answer.escalation.status) == (
        method,
        False,
        "pending",
    )


async def test_supervisors_take_what_is_meant_for_them(db: Database, gate: Gate, by_hand: Identity) -> None:
    by_hand.add()
    supervisor = by_hand.add("supervisor")
    (one,) = await waiting(db, gate, 1, escalation_type="supervisor")

    assert (await distribute(db, escalation_id=one.id)).assigned_to == supervisor


async def test_by_hand_anybody_who_works_here_gets_it(db: Database, gate: Gate, by_hand: Identity) -> None:
    admin = by_hand.add("admin", status="offline")
    agent = by_hand.add()
    (one,) = await waiting(db, gate, 1)

    first = await distribute(db, escalation_id=one.id, assign_to=admin)
    moved = await distribute(db, escalation_id=one.id, assign_to=agent)
    again = await distribute(db, escalation_id=one.id, assign_to=agent)

    assert (first.method, first.assigned_to, moved.escalation.escalated_to) == ("manual", admin, agent)
    assert again.escalation.assigned_at == moved.escalation.assigned_at
    assert gate.chats[one.conversation_id].assigned_to == agent
    assert (await announced(db)).count("EscalationAssigned") == 2


async def test_what_makes_no_sense_is_refused(db: Database, gate: Gate, by_hand: Identity) -> None:
    agent = by_hand.add()
    (one,) = await waiting(db, gate, 1)

    with pytest.raises(NotDistributable):
        await distribute(db)
    with pytest.raises(EscalationNotFound):
        await distribute(db, escalation_id=new_id())
    with pytest.raises(Invalid) as refused:
        await distribute(db, escalation_id=one.id, assign_to=new_id())
    assert [*refused.value.fields] == ["assignTo"]
    await distribute(db, escalation_id=one.id)
    with pytest.raises(EscalationEnded):
        await distribute(db, escalation_id=one.id)
    await resolutions.resolve(db, SUPERVISOR, pb.ResolveEscalationRequest(id=one.id))
    with pytest.raises(EscalationEnded):
        await distribute(db, escalation_id=one.id, assign_to=agent)


async def test_a_batch_takes_the_most_urgent_first_and_ten_of_them(
    db: Database, gate: Gate, by_hand: Identity
) -> None:
    [by_hand.add() for _ in range(3)]
    await waiting(db, gate, 11)
    (urgent,) = await waiting(db, gate, 1, priority="urgent")
    async with db.begin() as session:
        await session.run("update escalations set sector_id = %(sector)s", sector=JOAO.id)

    ten = await distribute(db, sector_id=JOAO.id)
    rest = await distribute(db, process_all=True)
    other = await distribute(db, sector_id=new_id())

    assert (ten.processed, ten.assigned, ten.results[0].escalation_id) == (10, 10, urgent.id)
    assert (rest.processed, rest.assigned, other.processed) == (2, 2, 0)


async def test_each_escalation_follows_the_rules_of_its_sector(
    db: Database, gate: Gate, by_hand: Identity
) -> None:
    by_hand.add()
    sector = new_id()
    change = pb.SetDistributionRequest(sector_id=sector, method="least_load", max_concurrent_per_agent=1)
    await distribution_config.set_distribution(db, SUPERVISOR, change)
    chats = [gate.open(Chat(sector_id=one)) for one in (sector, sector, None)]
    for chat in chats:
        await escalation(db, chat.id)

    foreseen = await prepare(db, SUPERVISOR, gate.open(Chat(sector_id=sector)).id)
    shared = await distribute(db, process_all=True)

    assert foreseen.suggested_assignee.method == "least_load"
    assert [one.method for one in shared.results] == ["least_load", "agents_at_capacity", "round_robin"]


async def test_rules_are_everybodys_or_a_sectors_own(db: Database, identity: Identity) -> None:
    async def rules(**fields: Any) -> pb.Distribution:
        return await distribution_config.get_distribution(db, MARIA, pb.GetDistributionRequest(**fields))

    sector = new_id()
    assert await rules() == pb.Distribution(
        method="round_robin",
        auto_distribute=True,
        max_queue_time_minutes=30,
        priority_boost_after_minutes=10,
        max_concurrent_per_agent=5,
    )
    change = pb.SetDistributionRequest(method="least_load", auto_distribute=False)
    await distribution_config.set_distribution(db, SUPERVISOR, change)
    await distribution_config.set_distribution(
        db, SUPERVISOR, pb.SetDistributionRequest(sector_id=sector, max_concurrent_per_agent=2)
    )

    assert ((await rules()).method, (await rules()).auto_distribute) == ("least_load", False)
    assert (await rules(sector_id=sector)).max_concurrent_per_agent == 2
    assert (await rules(sector_id=new_id())).max_concurrent_per_agent == 5


async def test_whoever_takes_the_conversation_takes_what_waits_in_it(
    db: Database, gate: Gate, by_hand: Identity
) -> None:
    (one,) = await waiting(db, gate, 1)
    event = messaging.ConversationAssigned(
        conversation_id=one.conversation_id, assigned_to=MARIA.id, assigned_by=MARIA.id
    )

    await tell(db, event, times=2)
    await settle(db)
    await tell(db, messaging.ConversationAssigned(conversation_id=one.conversation_id, assigned_to=JOAO.id))
    await tell(db, messaging.ConversationAssigned(conversation_id=one.conversation_id))

    (row,) = await rows_of(db, "select status, escalated_to, assignment_method from escalations")
    assert row == ("assigned", MARIA.id, "manual")
    assert not await rows_of(
        db, "select id from escalation_notifications where user_id = %(id)s", id=MARIA.id
    )


async def test_whoever_answers_takes_what_waits(db: Database, gate: Gate, by_hand: Identity) -> None:
    (one,) = await waiting(db, gate, 1)

    def sent(origin: str, by: str | None) -> messaging.MessageSent:
        return messaging.MessageSent(
            conversation_id=one.conversation_id,
            origin=origin,
            sent_by=by,
            timestamp="2026-01-01T00:00:00.000Z",
        )

    await tell(db, sent("ai", None), sent("human", None), sent("campaign", None))
    assert (await rows_of(db, "select status from escalations"))[0].status == "pending"
    await tell(db, sent("human", JOAO.id))
    await settle(db)

    (row,) = await rows_of(db, "select status, escalated_to from escalations")
    assert row == ("assigned", JOAO.id)
    assert gate.chats[one.conversation_id].assigned_to == JOAO.id


async def test_back_to_the_ai_agent_nobody_is_waited_for(db: Database, gate: Gate, by_hand: Identity) -> None:
    (one,) = await waiting(db, gate, 1)
    chat = gate.chats[one.conversation_id]
    event = messaging.ConversationModeChanged(conversation_id=chat.id, old_mode="human", mode="ai")

    await tell(db, event)
    assert (await rows_of(db, "select status from escalations"))[0].status == "pending"
    chat.mode = "ai"
    await tell(db, event, times=2)

    assert (await rows_of(db, "select status from escalations"))[0].status == "abandoned"
    assert (await announced(db)).count("EscalationAbandoned") == 1


async def test_an_old_event_does_not_abandon_what_has_just_begun(
    db: Database, gate: Gate, by_hand: Identity
) -> None:
    gate.troubles.append(Trouble("SetMode", 1))
    (one,) = await waiting(db, gate, 1)
    event = messaging.ConversationModeChanged(
        conversation_id=one.conversation_id, old_mode="human", mode="ai"
    )

    await tell(db, event)
    await settle(db)

    assert gate.chats[one.conversation_id].mode == "human"
    assert (await rows_of(db, "select status from escalations"))[0].status == "pending"


async def test_a_conversation_that_is_closed_needs_nobody(
    db: Database, gate: Gate, by_hand: Identity
) -> None:
    closed, reopened = await waiting(db, gate, 2)
    gate.chats[closed.conversation_id].status = "closed"

    for one in (closed, reopened):
        await tell(db, messaging.ConversationClosed(conversation_id=one.conversation_id, closed_by=MARIA.id))

    rows = await rows_of(db, "select id, status from escalations")
    assert {row.id: row.status for row in rows} == {closed.id: "abandoned", reopened.id: "pending"}


async def test_what_somebody_leaves_behind_is_given_to_others(
    db: Database, gate: Gate, identity: Identity
) -> None:
    leaving, staying = identity.add(), identity.add(status="offline")
    (one,) = await waiting(db, gate, 1)
    identity.people[leaving].is_active = False
    identity.people[staying].status = "online"

    await tell(db, identity_pb2.UserDeactivated(user_id=leaving), times=2)
    await settle(db)

    (row,) = await rows_of(db, "select status, escalated_to from escalations")
    assert row == ("assigned", staying)
    assert gate.chats[one.conversation_id].assigned_to == staying


async def test_whoever_was_given_it_last_keeps_it(db: Database, gate: Gate, by_hand: Identity) -> None:
    """A hand-over that comes late does not undo a later one."""
    (one,) = await waiting(db, gate, 1)
    first, second = by_hand.add(), by_hand.add()
    gate.troubles.append(Trouble("AssignConversation", 1))
    await distribute(db, escalation_id=one.id, assign_to=first)
    await distribute(db, escalation_id=one.id, assign_to=second)

    await settle(db)

    assert gate.chats[one.conversation_id].assigned_to == second
    assert gate.calls["AssignConversation"] == 2


async def test_without_identity_nothing_is_given_and_nothing_lost(
    db: Database, gate: Gate, by_hand: Identity
) -> None:
    (one,) = await waiting(db, gate, 1)
    by_hand.away = True

    with pytest.raises(Unavailable):
        await distribute(db, escalation_id=one.id)

    assert (await rows_of(db, "select status from escalations"))[0].status == "pending"
