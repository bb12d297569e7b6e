"""Conversations: what may be changed, by whom, and what is told of it."""

import asyncio
from typing import Any

import pytest

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import Invalid, NotFound
from services.kit.tables import new_id
from services.messaging import (
    assignment_rules,
    assignments,
    beginnings,
    details,
    macros,
    modes,
    notes,
    reading,
)
from services.messaging.assignment_rules import RuleActive
from services.messaging.assignments import AssigneeNotFound, NotYours
from services.messaging.details import NotEditable
from services.messaging.macros import ShortcutTaken
from services.messaging.visibility import ConversationNotFound
from tests.messaging.builders import (
    announced,
    envelope,
    make_instance,
    make_person,
    phone,
    receive,
    thread,
    written_by,
)
from tests.support import ADMIN, JOAO, MARIA, SUPERVISOR

STRANGER = new_id()


@pytest.fixture
async def name(db: Database) -> str:
    """The name of an instance, with Maria and João at work."""
    await make_person(db, MARIA, "Maria")
    await make_person(db, JOAO, "João")
    name = f"wa-{new_id()}"
    await make_instance(db, name)
    return name


async def detail(db: Database, actor: Actor, id: str, **more: Any) -> pb.GetConversationResponse:
    async with db.read() as session:
        return await details.get(session, actor, pb.GetConversationRequest(id=id, **more))


async def change(db: Database, actor: Actor, id: str, **values: Any) -> pb.Conversation:
    given = {name: value for name, value in values.items() if value is not None}
    request = pb.UpdateConversationRequest(id=id, **given)
    request.update_mask.paths.extend(values)
    return (await details.change(db, actor, request)).conversation


async def assign(db: Database, actor: Actor, id: str, to: str | None, reason: str = "") -> pb.Conversation:
    request = pb.AssignConversationRequest(id=id, assigned_to=to, reason=reason or None)
    request.update_mask.paths.append("assigned_to")
    async with db.begin() as session:
        return (await assignments.assign(session, actor, request)).conversation


async def test_what_is_not_in_the_whitelist_is_refused_by_name(db: Database, name: str) -> None:
    id = await written_by(db, name, phone())

    with pytest.raises(NotEditable) as refused:
        await change(db, SUPERVISOR, id, instance_id='"x"', status="closed")

    assert refused.value.message == "Field not editable: instanceId"
    with pytest.raises(Invalid, match="No valid fields"):
        await change(db, SUPERVISOR, id)
    with pytest.raises(ConversationNotFound):
        await change(db, SUPERVISOR, new_id(), status="closed")


async def test_closing_and_opening_again_is_told_once(db: Database, name: str) -> None:
    id = await written_by(db, name, phone())

    for status in ("closed", "closed", "active", "archived"):
        assert (await change(db, SUPERVISOR, id, status=status)).status == status

    told = [one for one in await announced(db, id) if one.startswith("conversation_")]
    assert [one for one in told if one != "conversation_updated"] == [
        "conversation_created",
        "conversation_closed",
        "conversation_reopened",
        "conversation_archived",
    ]


async def test_a_closed_conversation_opens_when_the_customer_writes(db: Database, name: str) -> None:
    number = phone()
    id = await written_by(db, name, number)
    await assign(db, SUPERVISOR, id, MARIA.id)
    await change(db, SUPERVISOR, id, status="closed")

    await written_by(db, name, number, "Voltei", at=1795459380)

    conversation = (await detail(db, SUPERVISOR, id)).conversation
    assert (conversation.status, conversation.assigned_to) == ("active", MARIA.id)
    assert "conversation_reopened" in await announced(db, id)


async def test_metadata_is_merged_key_by_key(db: Database, name: str) -> None:
    id = await written_by(db, name, phone())
    await change(db, SUPERVISOR, id, metadata='{"a": 1, "b": 2}')

    changed = await change(db, SUPERVISOR, id, metadata='{"b": 3}', category="vendas")

    assert changed.metadata == '{"a": 1, "b": 3}'
    assert changed.category == "vendas"
    assert not (await change(db, SUPERVISOR, id, category=None)).HasField("category")
    with pytest.raises(Invalid):
        await change(db, SUPERVISOR, id, metadata="[1]")


async def test_an_agent_takes_from_the_queue_and_gives_back_her_own(db: Database, name: str) -> None:
    id = await written_by(db, name, phone())

    assert (await assign(db, MARIA, id, MARIA.id)).assigned_to == MARIA.id
    with pytest.raises(NotYours):
        await assign(db, MARIA, id, JOAO.id)
    with pytest.raises(ConversationNotFound):
        await assign(db, JOAO, id, JOAO.id)
    assert not (await assign(db, MARIA, id, None)).HasField("assigned_to")


async def test_a_transfer_is_kept_noted_and_told(db: Database, name: str) -> None:
    id = await written_by(db, name, phone())
    await assign(db, SUPERVISOR, id, MARIA.id)
    await assign(db, SUPERVISOR, id, MARIA.id)

    await assign(db, SUPERVISOR, id, JOAO.id, "Fim do turno")

    reply = await detail(db, SUPERVISOR, id, include=["assignments"])
    newest, oldest = reply.assignments
    assert (newest.assigned_from_name, newest.assigned_to_name) == ("Maria", "João")
    assert newest.reason == "Fim do turno"
    assert not oldest.HasField("assigned_from")
    said = [one.content for one in reply.messages if one.message_type == "system"]
    assert said == ["Conversa atribuída a Maria", "Conversa transferida de Maria para João: Fim do turno"]
    assert reply.conversation.last_message_preview == "Olá"
    assert [one.message_type for one in (await detail(db, JOAO, id)).messages] == ["text"]


async def test_nobody_is_assigned_who_cannot_attend(db: Database, name: str) -> None:
    id = await written_by(db, name, phone())
    gone = Actor(id=new_id(), role="agent", service="gateway")
    await make_person(db, gone, "Saiu", is_active=False)

    for nobody in (gone.id, new_id()):
        with pytest.raises(AssigneeNotFound):
            await assign(db, SUPERVISOR, id, nobody)
    with pytest.raises(Invalid, match="assignedTo is required"):
        async with db.begin() as session:
            await assignments.assign(session, SUPERVISOR, pb.AssignConversationRequest(id=id))


async def test_a_mode_is_set_taken_over_and_released(db: Database, name: str) -> None:
    id = await written_by(db, name, phone())

    async def set_mode(actor: Actor, **request: Any) -> pb.Conversation:
        async with db.begin() as session:
            return (await modes.set_mode(session, actor, pb.SetModeRequest(id=id, **request))).conversation

    assert (await set_mode(SUPERVISOR, mode="hybrid")).conversation_mode == "hybrid"
    taken = await set_mode(MARIA, assume=True)
    assert (taken.conversation_mode, taken.assigned_to) == ("human", MARIA.id)
    released = await set_mode(MARIA, release=True)
    assert (released.conversation_mode, released.HasField("assigned_to")) == ("ai", False)
    with pytest.raises(Invalid, match="Invalid mode"):
        await set_mode(SUPERVISOR)


async def test_reading_is_the_assignees_unless_forced(db: Database, name: str) -> None:
    number = phone()
    id = await written_by(db, name, number)
    await assign(db, SUPERVISOR, id, MARIA.id)

    looked = await reading.read(db, SUPERVISOR, pb.ReadConversationRequest(id=id))
    assert looked.marked_count == 0
    assert (await detail(db, SUPERVISOR, id)).conversation.unread_count == 1

    read = await reading.read(db, MARIA, pb.ReadConversationRequest(id=id))
    assert read.marked_count == 1
    assert (await detail(db, MARIA, id)).conversation.unread_count == 0
    assert (await change(db, MARIA, id, unread_count=1)).unread_count == 1


async def test_who_reads_up_to_a_message_leaves_what_came_after_it_unread(db: Database, name: str) -> None:
    number = phone()
    for at, text in enumerate(("um", "dois", "três")):
        id = await written_by(db, name, number, text, at=1795459370 + at)
    first, second, third = (message.id for message in await thread(db, id))

    async def read(*messages: str) -> tuple[set[str], int, list[str]]:
        asked = pb.ReadConversationRequest(id=id, message_ids=messages)
        marked = await reading.read(db, MARIA, asked)
        shown = await detail(db, MARIA, id)
        return {*marked.message_ids}, shown.conversation.unread_count, [one.status for one in shown.messages]

    assert await read(second) == ({first, second}, 1, ["read", "read", "received"])
    assert await read(first) == (set(), 1, ["read", "read", "received"])
    assert await read(third, first) == ({third}, 0, ["read", "read", "read"])
    with pytest.raises(Invalid):
        await read(new_id())


async def test_a_conversation_begins_with_a_number_and_is_found_again(db: Database, name: str) -> None:
    instance = await make_instance(db)

    async def start(number: str) -> pb.ConversationResponse:
        request = pb.StartConversationRequest(
            instance_id=instance, phone_number=number, contact_name="Dona Lúcia"
        )
        async with db.begin() as session:
            return await beginnings.start(session, MARIA, request)

    first = await start("(11) 98888-7777")
    again = await start("+55 11 8888-7777")

    assert (first.http_status, again.http_status) == (201, 200)
    assert first.conversation.id == again.conversation.id
    assert first.conversation.contact_phone == "5511988887777"
    assert first.conversation.contact_name == "Dona Lúcia"


async def test_notes_are_pinned_first_and_belong_to_the_conversation(db: Database, name: str) -> None:
    id, other = await written_by(db, name, phone()), await written_by(db, name, phone())

    async with db.begin() as session:
        made = [
            (await notes.create(session, MARIA, pb.CreateNoteRequest(id=id, content=f"nota {n}"))).note
            for n in range(3)
        ]
        pinned = pb.UpdateNoteRequest(id=id, note_id=made[0].id, is_pinned=True)
        await notes.change(session, MARIA, pinned)
        await notes.remove(session, MARIA, pb.DeleteNoteRequest(id=id, note_id=made[1].id))
    with pytest.raises(NotFound):
        async with db.begin() as session:
            await notes.remove(session, MARIA, pb.DeleteNoteRequest(id=other, note_id=made[2].id))

    shown = (await detail(db, MARIA, id, include=["notes"])).notes
    assert [(one.content, one.created_by_name) for one in shown] == [("nota 0", "Maria"), ("nota 2", "Maria")]


async def test_a_macro_has_a_shortcut_of_its_own_and_counts_its_uses(db: Database, name: str) -> None:
    called = f"Olá {new_id()[-6:]}"

    async with db.begin() as session:
        macro = (await macros.create(session, ADMIN, pb.CreateMacroRequest(name=called, content="Oi!"))).macro
    with pytest.raises(ShortcutTaken):
        async with db.begin() as session:
            await macros.create(session, ADMIN, pb.CreateMacroRequest(name=called, content="Oi!"))

    async def use() -> None:
        async with db.begin() as session:
            await macros.use(session, MARIA, pb.UseMacroRequest(id=macro.id))

    await asyncio.gather(*(use() for _ in range(10)))
    async with db.begin() as session:
        used = (await macros.use(session, MARIA, pb.UseMacroRequest(id=macro.id))).macro
        await macros.remove(session, ADMIN, pb.DeleteMacroRequest(id=macro.id))
        left = (await macros.list_macros(session, MARIA, pb.ListMacrosRequest(limit=200))).macros
    assert used.usage_count == 11
    assert macro.shortcut == called.lower().replace("á", "a").replace(" ", "_")
    assert macro.id not in {one.id for one in left}


async def test_turns_are_fair_under_a_storm_and_pass_over_who_is_gone(db: Database) -> None:
    team = [Actor(id=new_id(), role="agent", service="gateway") for _ in range(4)]
    for number, agent in enumerate(team):
        await make_person(db, agent, f"Agente {number}", is_active=number != 2)
    name = f"wa-{new_id()}"
    instance = await make_instance(db, name)
    request = pb.CreateAssignmentRuleRequest(
        name="Rodízio",
        instance_id=instance,
        rule_type="round_robin",
        round_robin_agents=[agent.id for agent in team],
    )
    async with db.begin() as session:
        await assignment_rules.create(session, ADMIN, request)
    with pytest.raises(RuleActive):
        async with db.begin() as session:
            await assignment_rules.create(session, ADMIN, request)

    made = await asyncio.gather(*(written_by(db, name, phone()) for _ in range(30)))

    given = [(await detail(db, ADMIN, id)).conversation.assigned_to for id in made]
    assert {agent.id: given.count(agent.id) for agent in team} == {
        team[0].id: 10,
        team[1].id: 10,
        team[2].id: 0,
        team[3].id: 10,
    }
    first = (await detail(db, ADMIN, made[0], include=["assignments"])).assignments
    assert [one.reason for one in first] == ["Auto-atribuição: Rodízio"]


@pytest.mark.parametrize(
    "rule",
    [
        {"rule_type": "fixed"},
        {"rule_type": "round_robin"},
        {"rule_type": "fixed", "fixed_agent_id": STRANGER},
    ],
    ids=["nobody", "no turns", "a stranger"],
)
async def test_a_rule_has_to_name_people_who_are_there(db: Database, rule: dict[str, Any]) -> None:
    instance = await make_instance(db)
    request = pb.CreateAssignmentRuleRequest(name="R", instance_id=instance, **rule)

    async with db.begin() as session:
        with pytest.raises(Invalid):
            await assignment_rules.create(session, ADMIN, request)


async def test_what_was_taken_back_is_for_supervisors(db: Database, name: str) -> None:
    id = await written_by(db, name, phone(), "segredo", id=(external := new_id()))
    await written_by(db, name, phone())
    await receive(db, envelope("messages.delete", name, {"id": external, "remoteJid": "x", "fromMe": False}))

    (for_agents,) = (await detail(db, MARIA, id)).messages
    (for_supervisors,) = await thread(db, id)
    assert (for_agents.content, for_agents.HasField("deleted_at")) == ("", True)
    assert for_supervisors.content == "segredo"
    assert (await detail(db, MARIA, id)).conversation.last_message_preview == "🚫 Mensagem apagada"
