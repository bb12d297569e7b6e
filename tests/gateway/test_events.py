"""Who is told what on the event stream, and what happens when the stream is lost or a reader sleeps."""

import asyncio
import socket
from contextlib import AsyncExitStack
from functools import partial

import pytest

from gateway import audiences
from gateway.audiences import About, Listener
from gateway.events import STREAMS_OF_ONE
from protos import messaging_pb2 as messaging
from protos import sales_pb2 as sales
from services.kit import outbox
from services.kit.bus import STREAM
from services.kit.clock import now
from services.kit.tables import new_id
from tests.gateway import house as houses
from tests.gateway.conftest import Staff
from tests.gateway.house import Front, House
from tests.gateway.office import Office, all_told, has_heard, person
from tests.listening import Ear, listening


def messages(ear: Ear) -> list[str]:
    return [one["messageId"] for one in ear.of("messaging.message_sent")]


async def test_a_reassignment_closes_the_tap_at_once(front: Front, staff: Staff, office: Office) -> None:
    other = str((await front.join())["accessToken"])
    async with (
        listening(front.client, staff.agent) as ours,
        listening(front.client, other) as theirs,
        listening(front.client, staff.supervisor) as boss,
    ):
        in_the_queue = await office.write()
        await all_told(office, ours, theirs)
        await office.assign(person(staff.agent))
        mine = await office.write()
        await all_told(office, ours)
        await office.assign(person(other), before=person(staff.agent))
        not_mine = await office.write()
        await all_told(office, ours, theirs, boss)

    assert messages(ours) == [in_the_queue, mine]
    assert messages(theirs) == [in_the_queue, not_mine]
    assert messages(boss) == [in_the_queue, mine, not_mine]
    gone = ours.of("messaging.conversation_assigned")[-1]
    assert gone["conversationId"] == office.conversation
    assert gone["conversation"] is None
    assert "assignedTo" not in gone


async def test_internal_notes_are_not_for_agents(front: Front, staff: Staff, office: Office) -> None:
    async with listening(front.client, staff.agent) as agent, listening(front.client, staff.admin) as admin:
        note = await office.write(internal=True)
        word = await office.write()
        await all_told(office, agent, admin)

    assert messages(agent) == [word]
    assert messages(admin) == [note, word]


async def test_what_is_resumed_is_seen_with_todays_eyes(front: Front, staff: Staff, office: Office) -> None:
    start = await office.tell(messaging.InstanceStatusChanged(instance_id=new_id()))
    await office.write()
    await office.assign(new_id())

    async with listening(front.client, staff.agent, str(start)) as ear:
        await all_told(office, ear)

    assert messages(ear) == []


async def test_a_ticket_is_used_once_whichever_gateway_is_asked(house: House, staff: Staff) -> None:
    async with houses.opened(house, replicas=2, RATE_LIMIT_REQUESTS="1000000") as front:
        made = (await front.call("POST", "/api/events/ticket", {}, token=staff.agent)).json()

        async def status(port: int) -> int:
            url = f"http://127.0.0.1:{port}/api/events?ticket={made['ticket']}"
            async with front.client.stream("GET", url) as answer:
                return int(answer.status_code)

        statuses = await asyncio.gather(*(status(port) for port in front.ports * 5))

    assert sorted(statuses) == [200] + [401] * 9


async def test_a_person_has_twenty_tabs_open_and_not_one_more(front: Front, staff: Staff) -> None:
    headers = {"authorization": f"Bearer {staff.agent}"}
    async with AsyncExitStack() as tabs:
        for _ in range(STREAMS_OF_ONE):
            tab = await tabs.enter_async_context(front.client.stream("GET", "/api/events", headers=headers))
            assert tab.status_code == 200
        refused = await front.call("GET", "/api/events", token=staff.agent)
        theirs = await tabs.enter_async_context(
            front.client.stream("GET", "/api/events", headers={"authorization": f"Bearer {staff.admin}"})
        )

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert theirs.status_code == 200


async def test_a_lost_stream_is_told_and_events_go_on(front: Front, staff: Staff, office: Office) -> None:
    async with listening(front.client, staff.admin) as ear:
        before = await office.write()
        await ear.until(lambda: messages(ear) == [before])

        await office.bus.stream.delete_stream(STREAM)
        await office.bus.ensure_stream()
        await ear.until(lambda: bool(ear.of("reset")), timeout=30)
        after = await office.write()
        await ear.until(lambda: messages(ear) == [before, after], timeout=30)

    ids = [one.id for one in ear.heard]
    assert ids == sorted(ids)


async def test_what_is_published_again_into_a_new_stream_is_no_news(
    front: Front, staff: Staff, office: Office
) -> None:
    """The control: what comes last is published like any other event, and heard."""
    id, db, began = new_id(), office.house.databases["messaging"], now()
    async with listening(front.client, staff.admin) as ear:
        async with db.begin() as session:
            await outbox.emit(session, messaging.InstanceStatusChanged(instance_id=id))
        while await outbox.relay(db, office.bus):
            pass
        await ear.until(partial(has_heard, ear, id))

        await office.bus.stream.delete_stream(STREAM)
        await office.bus.ensure_stream()
        await ear.until(lambda: bool(ear.of("reset")), timeout=30)
        filled = await outbox.refill(db, since=began, before=now())
        while await outbox.relay(db, office.bus):
            pass
        await all_told(office, ear)

    told = ear.of("messaging.instance_status_changed")
    assert filled > 0
    assert [one["instanceId"] for one in told].count(id) == 1


async def test_readers_that_sleep_cost_little(front: Front, staff: Staff, office: Office) -> None:
    [gateway] = front.gateways
    request = f"GET /api/events HTTP/1.1\r\nhost: api\r\nauthorization: Bearer {staff.admin}\r\n\r\n"
    sleepers = []
    for _ in range(15):
        sleeper = socket.create_connection(("127.0.0.1", front.ports[0]))
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.sendall(request.encode())
        sleepers.append(sleeper)
    await asyncio.sleep(1)
    before = gateway.memory_info().rss

    async with listening(front.client, staff.supervisor) as awake:
        content = "x" * 20_000
        for _ in range(2000):
            await office.tell(messaging.MessageSent(conversation_id=office.conversation, content=content))
        await all_told(office, awake)
        grown = gateway.memory_info().rss - before
        assert len(messages(awake)) == 2000
    for sleeper in sleepers:
        sleeper.close()

    assert grown < 120 * 1024 * 1024


AGENT, LEAD = Listener("a", "agent"), Listener("s", "supervisor")


@pytest.mark.parametrize(("owner", "seen"), [("a", True), ("", True), ("b", False), (None, False)], ids=str)
def test_an_agent_sees_their_own_and_the_queue(owner: str | None, seen: bool) -> None:
    about = About(messaging.ConversationRead(conversation_id="c"), "c")
    viewers = {} if owner is None else {"c": frozenset({owner})}

    assert audiences.of_conversation(AGENT, about, viewers) is seen
    assert audiences.of_conversation(LEAD, about, viewers)


def test_a_lead_is_for_its_owner_the_one_before_and_who_leads() -> None:
    theirs = sales.LeadUpdated(lead_id="l", assigned_to="b")
    was_mine = sales.LeadUpdated(lead_id="l", assigned_to="b", previously_assigned_to="a")

    assert not audiences.of_lead(AGENT, About(theirs), {})
    assert audiences.of_lead(AGENT, About(was_mine), {})
    assert audiences.of_lead(LEAD, About(theirs), {})
