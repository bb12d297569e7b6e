"""From the AI agent to a person: prepared, asked for, and with the handover that was written."""

from protos import campaigns_pb2 as pb
from protos import intelligence_pb2
from services.kit.clock import rfc3339
from services.kit.db import Database
from services.kit.tables import new_id
from tests.campaigns.colleagues import Identity, Intelligence, Sales
from tests.campaigns.messaging_server import Chat, Gate
from tests.campaigns.world import announced, escalation, prepare, resolve, rows_of, settle, soon, tell
from tests.support import SUPERVISOR


async def test_preparing_writes_nothing(
    db: Database, gate: Gate, identity: Identity, sales: Sales, intelligence: Intelligence
) -> None:
    agent = identity.add()
    chat = gate.open(Chat(sentiment="negative", unanswered_since=rfc3339(soon(minutes=-41))))
    sales.add(conversation_id=chat.id, lead_score=85, status="qualified")
    intelligence.handoff = intelligence_pb2.PrepareHandoffResponse(
        summary="Situação: ...", session='{"autoReplyCount": 5}', auto_reply_count=5, max_auto_replies=5
    )

    answer = await prepare(db, SUPERVISOR, chat.id)

    assert [*answer.reasons] == ["negative_sentiment", "delayed_response", "max_replies", "high_value_lead"]
    assert (answer.should_escalate, answer.suggested_reason) == (True, "negative_sentiment")
    assert answer.suggested_priority == "urgent"
    assert answer.suggested_assignee == pb.SuggestedAssignee(user_id=agent, method="round_robin")
    assert answer.conversation.minutes_since_last_message == 41
    assert answer.ai_summary == "Situação: ..."
    assert '"autoReplyCount":5' in answer.handoff_context
    assert not answer.HasField("active_escalation_id")
    assert await rows_of(db, "select 1 as one from escalations union select 1 from outbox") == []
    assert chat.mode == "ai"


async def test_preparing_without_the_others_says_what_is_certain(
    db: Database, gate: Gate, sales: Sales, intelligence: Intelligence
) -> None:
    chat = gate.open(Chat(sentiment="negative"))
    chat.says("Quero falar com humano")
    sales.away = intelligence.away = True

    answer = await prepare(db, SUPERVISOR, chat.id)

    assert [*answer.reasons] == ["negative_sentiment", "keyword_match"]
    assert answer.suggested_assignee.method == "no_agents"
    labels = ["Situação", "Contexto", "Tentativas", "Motivo", "Próximo passo"]
    assert [line.split(":")[0] for line in answer.ai_summary.splitlines()] == labels
    assert len(answer.ai_summary.split()) <= 150


async def test_preparing_may_escalate_with_what_it_found(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat(sentiment="negative"))

    answer = await prepare(db, SUPERVISOR, chat.id, create=True)

    assert answer.escalation.id == answer.active_escalation_id
    assert (answer.escalation.reason, answer.escalation.priority) == ("negative_sentiment", "high")
    assert answer.escalation.ai_summary == answer.ai_summary
    again = await prepare(db, SUPERVISOR, chat.id)
    assert again.active_escalation_id == answer.escalation.id


async def test_the_ai_agent_asks_for_a_person_once_per_message(
    db: Database, gate: Gate, identity: Identity
) -> None:
    chat = gate.open(Chat())
    agent = identity.add()
    event = intelligence_pb2.EscalationRequested(
        conversation_id=chat.id,
        reason="keyword_match",
        keyword="atendente",
        message_id=new_id(),
        priority="high",
    )

    await tell(db, event, times=3)
    await settle(db)
    (row,) = await rows_of(db, "select * from escalations")
    await resolve(db, SUPERVISOR, row.id)
    await tell(db, event)

    assert (row.reason, row.priority, row.status, row.escalated_to) == (
        "keyword_match",
        "high",
        "assigned",
        agent,
    )
    assert (chat.mode, chat.assigned_to) == ("human", agent)
    assert len(await rows_of(db, "select id from escalations")) == 1


async def test_the_escalation_has_the_id_that_was_told_and_the_place_where_the_message_is_now(
    db: Database, gate: Gate
) -> None:
    chat = gate.open(Chat())
    event = intelligence_pb2.EscalationRequested(
        conversation_id=new_id(),  # has become part of the chat
        reason="keyword_match",
        message_id=chat.says("Quero um atendente").message_id,
        escalation_id=new_id(),
    )

    await tell(db, event, times=2)

    (row,) = await rows_of(db, "select * from escalations")
    assert (row.id, row.conversation_id) == (event.escalation_id, chat.id)


async def test_an_escalation_that_is_active_stands_whatever_id_was_told(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    made = await escalation(db, chat.id)
    event = intelligence_pb2.EscalationRequested(
        conversation_id=chat.id, reason="keyword_match", message_id=new_id(), escalation_id=new_id()
    )

    await tell(db, event, times=2)

    assert [row.id for row in await rows_of(db, "select id from escalations")] == [made.id]


async def test_a_request_about_a_conversation_that_is_gone_is_dropped(db: Database) -> None:
    event = intelligence_pb2.EscalationRequested(
        conversation_id=new_id(), reason="limit", message_id=new_id()
    )

    await tell(db, event)

    assert await announced(db) == []


async def test_the_handover_that_was_written_later_is_attached(db: Database, gate: Gate) -> None:
    made = await escalation(db, gate.open(Chat()).id)
    event = intelligence_pb2.HandoffPrepared(
        conversation_id=made.conversation_id,
        escalation_id=made.id,
        ai_summary="Resumo",
        context='{"session": {"autoReplyCount": 3}}',
        detected_intent="support",
    )

    await tell(db, event, times=2)

    (row,) = await rows_of(db, "select ai_summary, handoff_context, detected_intent from escalations")
    assert (row.ai_summary, row.detected_intent) == ("Resumo", "support")
    assert '"autoReplyCount": 3' in row.handoff_context
