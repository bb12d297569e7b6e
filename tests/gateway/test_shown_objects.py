"""Events show what they are about as REST does, and to nobody to whom REST would not show it."""

from typing import Any

from google.protobuf.message import Message

from protos import campaigns_pb2 as campaigns
from protos import identity_pb2 as identity
from protos import knowledge_pb2 as knowledge
from protos import messaging_pb2 as messaging
from protos import sales_pb2 as sales
from services.kit.tables import new_id
from tests.gateway.conftest import Staff
from tests.gateway.house import Front
from tests.gateway.office import Office, all_told, person
from tests.listening import Ear, listening

ESCALATE = """
    insert into escalations (id, conversation_id, reason, status, escalated_to, assigned_at)
    values (%(id)s, %(conversation)s, 'Cliente pediu', 'assigned', %(to)s, now())
"""
NOTIFY = """
    insert into escalation_notifications (id, user_id, type, payload)
    values (%(id)s, %(user)s, 'new_escalation', '{}')
"""
GIVE = "update leads set assigned_to = %(to)s, updated_at = now() where id = %(id)s"
TAKE_BACK = "update messages set deleted_at = now() where id = %(id)s"


async def ask(front: Front, method: str, path: str, body: Any = None, *, token: str) -> dict[str, Any]:
    answer = await front.call(method, path, body, token=token)
    assert answer.is_success, answer.text
    return dict(answer.json())


async def colleague(front: Front) -> str:
    return str((await front.join())["accessToken"])


async def lead_of(front: Front, staff: Staff, token: str) -> str:
    body = {"name": "Padaria Estrela", "assignedTo": person(token)}
    return str((await ask(front, "POST", "/api/leads", body, token=staff.admin))["lead"]["id"])


def lead_changed(id: str, *, to: str, before: str = "") -> sales.LeadUpdated:
    return sales.LeadUpdated(lead_id=id, assigned_to=to, previously_assigned_to=before or None)


async def told(office: Office, event: Message, *ears: Ear) -> list[dict[str, Any]]:
    """What each of them hears of it."""
    await office.tell(event)
    await all_told(office, *ears)
    context, _, name = event.DESCRIPTOR.full_name.removeprefix("convo.").partition(".v1.")
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    return [ear.of(f"{context}.{snake}")[-1] for ear in ears]


async def test_a_lead_is_shown_to_its_owner_and_not_to_whose_it_was(
    front: Front, staff: Staff, office: Office
) -> None:
    other = await colleague(front)
    lead = await lead_of(front, staff, other)
    shown = (await ask(front, "GET", f"/api/leads/{lead}", token=other))["lead"]
    unseen = await front.call("GET", f"/api/leads/{lead}", token=staff.agent)

    event = lead_changed(lead, to=person(other), before=person(staff.agent))
    async with (
        listening(front.client, staff.agent) as was,
        listening(front.client, other) as owner,
        listening(front.client, staff.supervisor) as boss,
    ):
        heard = await told(office, event, was, owner, boss)

    assert unseen.status_code == 404
    assert [one["leadId"] for one in heard] == [lead] * 3
    assert [one["lead"] for one in heard] == [None, shown, shown]


async def test_a_lead_that_was_given_away_is_not_shown_to_who_resumes_from_before(
    front: Front, staff: Staff, office: Office
) -> None:
    other = await colleague(front)
    lead = await lead_of(front, staff, staff.agent)
    start = await office.tell(messaging.InstanceStatusChanged(instance_id=new_id()))
    async with listening(front.client, staff.agent) as now, listening(front.client, other) as owner:
        while_mine = await told(office, lead_changed(lead, to=person(staff.agent)), now)
        await office.run(GIVE, of="sales", id=lead, to=person(other))
        await told(office, lead_changed(lead, to=person(other)), owner)

        async with listening(front.client, staff.agent, str(start)) as later:
            await all_told(office, later)

    assert [one["lead"]["id"] for one in while_mine] == [lead]
    assert [one["lead"] for one in later.of("sales.lead_updated")] == [None]


async def test_a_lead_that_was_deleted_is_not_shown_to_its_owner_who_resumes_from_before(
    front: Front, staff: Staff, office: Office
) -> None:
    lead, mine = await lead_of(front, staff, staff.agent), person(staff.agent)
    start = await office.tell(messaging.InstanceStatusChanged(instance_id=new_id()))
    async with listening(front.client, staff.agent) as now:
        before = await told(office, lead_changed(lead, to=mine), now)
        await ask(front, "DELETE", f"/api/leads/{lead}", token=staff.admin)
        after = await told(office, sales.LeadDeleted(lead_id=lead, assigned_to=mine), now)

        async with listening(front.client, staff.agent, str(start)) as later:
            await all_told(office, later)

    assert [one["lead"]["id"] for one in before] == [lead]
    assert [one["lead"] for one in after] == [None]
    assert [one["lead"] for one in later.of("sales.lead_updated")] == [None]


async def test_an_escalation_is_not_shown_to_those_who_only_see_its_conversation(
    front: Front, staff: Staff, office: Office
) -> None:
    id, other = new_id(), await colleague(front)
    await office.run(ESCALATE, of="campaigns", id=id, conversation=office.conversation, to=person(other))
    path = f"/api/escalations?conversationId={office.conversation}"
    [shown] = (await ask(front, "GET", path, token=other))["escalations"]
    unseen = (await ask(front, "GET", path, token=staff.agent))["escalations"]

    event = campaigns.EscalationPriorityChanged(conversation_id=office.conversation, escalation_id=id)
    async with (
        listening(front.client, staff.agent) as agent,
        listening(front.client, other) as assignee,
        listening(front.client, staff.supervisor) as boss,
    ):
        heard = await told(office, event, agent, assignee, boss)

    assert unseen == []
    assert [one["conversation"]["id"] for one in heard] == [office.conversation] * 3
    assert [one["escalation"] for one in heard] == [None, shown, shown]


async def test_a_meeting_is_not_shown_to_those_who_only_see_its_conversation(
    front: Front, staff: Staff, office: Office
) -> None:
    other = await colleague(front)
    body = {
        "title": "Visita",
        "scheduledAt": "2099-03-02T15:00:00Z",
        "attendees": [person(other)],
        "conversationId": office.conversation,
    }
    made = (await ask(front, "POST", "/api/meetings/schedule", body, token=staff.admin))["meeting"]
    shown = (await ask(front, "GET", f"/api/meetings/{made['id']}", token=other))["meeting"]
    unseen = await front.call("GET", f"/api/meetings/{made['id']}", token=staff.agent)

    event = campaigns.MeetingUpdated(
        meeting_id=made["id"], conversation_id=office.conversation, attendees=[person(other)]
    )
    async with (
        listening(front.client, staff.agent) as agent,
        listening(front.client, other) as attendee,
        listening(front.client, staff.supervisor) as boss,
    ):
        heard = await told(office, event, agent, attendee, boss)

    assert unseen.status_code == 404
    assert [one["meeting"] for one in heard] == [None, shown, shown]


async def test_an_entry_out_of_use_is_not_shown_to_agents(front: Front, staff: Staff, office: Office) -> None:
    body = {"category": "entrega", "question": f"Entregam {new_id()}?", "answer": "Sim, em dois dias."}
    made = (await ask(front, "POST", "/api/knowledge/manage", body, token=staff.admin))["entry"]
    async with listening(front.client, staff.agent) as agent, listening(front.client, staff.admin) as admin:
        used = await told(office, knowledge.EntryCreated(entry_id=made["id"]), agent, admin)
        await ask(front, "DELETE", f"/api/knowledge/manage/{made['id']}", token=staff.admin)
        unused = await told(office, knowledge.EntryDeleted(entry_id=made["id"]), agent, admin)

    assert [one["entry"]["question"] for one in used] == [made["question"]] * 2
    assert unused[0]["entry"] is None
    assert unused[1]["entry"]["isActive"] is False


async def test_what_everybody_may_see_is_shown_as_rest_does(
    front: Front, staff: Staff, office: Office
) -> None:
    body = {"name": "Volta às aulas", "messageTemplate": "Olá!", "instanceId": office.instance}
    made = (await ask(front, "POST", "/api/campaigns", body, token=staff.admin))["campaign"]
    campaign = (await ask(front, "GET", f"/api/campaigns/{made['id']}", token=staff.agent))["campaign"]
    path = f"/api/whatsapp/instances/{office.instance}"
    instance = (await ask(front, "GET", path, token=staff.agent))["instance"]
    path = f"/api/whatsapp/contacts?instanceId={office.instance}"
    [contact] = (await ask(front, "GET", path, token=staff.agent))["contacts"]
    path = f"/api/conversations/{office.conversation}/notes"
    note = (await ask(front, "POST", path, {"content": "Ligar amanhã"}, token=staff.agent))["note"]
    noted = messaging.NoteChanged(conversation_id=office.conversation, note_id=note["id"])

    async with listening(front.client, staff.agent) as ear:
        [of_campaign] = await told(office, campaigns.CampaignPaused(campaign_id=made["id"]), ear)
        [of_contact] = await told(office, messaging.ContactUpdated(contact_id=office.contact), ear)
        [of_note] = await told(office, noted, ear)
        await office.tell(messaging.InstanceStatusChanged(instance_id=office.instance))
        await all_told(office, ear)
    of_instance = [one["instance"] for one in ear.of("messaging.instance_status_changed")]

    assert of_campaign["campaign"] == campaign
    assert of_contact["contact"] == contact
    assert of_contact["conversation"]["id"] == office.conversation
    assert of_note["note"] == note
    assert instance in of_instance


async def test_a_contact_and_a_note_hide_with_their_conversation(
    front: Front, staff: Staff, office: Office
) -> None:
    async with listening(front.client, staff.agent) as ear:
        await office.assign(new_id())
        await office.tell(messaging.ContactUpdated(contact_id=office.contact))
        await office.tell(messaging.NoteChanged(conversation_id=office.conversation, note_id=new_id()))
        await all_told(office, ear)

    assert not ear.of("messaging.contact_updated")
    assert not ear.of("messaging.note_changed")


async def test_a_message_that_was_taken_back_is_empty_to_agents(
    front: Front, staff: Staff, office: Office
) -> None:
    id = await office.write()
    await office.run(TAKE_BACK, id=id)
    path = f"/api/conversations/{office.conversation}"
    rest = [(await ask(front, "GET", path, token=one))["messages"][0] for one in (staff.agent, staff.admin)]

    event = messaging.MessageDeleted(conversation_id=office.conversation, message_id=id)
    async with listening(front.client, staff.agent) as agent, listening(front.client, staff.admin) as admin:
        heard = await told(office, event, agent, admin)

    assert [one["message"] for one in heard] == rest
    assert [one["message"]["content"] for one in heard] == ["", "Oi"]


async def test_a_notification_is_shown_to_the_one_it_is_for(
    front: Front, staff: Staff, office: Office
) -> None:
    id, mine = new_id(), person(staff.agent)
    await office.run(NOTIFY, of="campaigns", id=id, user=mine)
    [shown] = (await ask(front, "GET", "/api/notifications?limit=1", token=staff.agent))["notifications"]

    async with listening(front.client, staff.agent) as ear, listening(front.client, staff.admin) as admin:
        event = campaigns.NotificationAdded(user_id=mine, notification_id=id, type="new_escalation")
        [heard] = await told(office, event, ear)
        await all_told(office, admin)

    assert heard["notification"] == shown
    assert not admin.of("campaigns.notification_added")


async def test_those_who_lead_are_shown_people_and_invitations(
    front: Front, staff: Staff, office: Office
) -> None:
    body = {"email": f"{new_id()}@empresa.com.br"}
    made = (await ask(front, "POST", "/api/team/invite", body, token=staff.admin))["invite"]
    [invite, *_] = (await ask(front, "GET", "/api/team/invites", token=staff.admin))["invites"]
    everybody = (await ask(front, "GET", "/api/admin/users?limit=200", token=staff.admin))["users"]
    mine = person(staff.agent)

    async with listening(front.client, staff.supervisor) as boss:
        [of_invite] = await told(office, identity.InviteCreated(invite_id=made["id"]), boss)
        [of_user] = await told(office, identity.UserApproved(user_id=mine), boss)

    assert of_invite["invite"] == invite
    assert of_user["user"] == next(one for one in everybody if one["id"] == mine)
