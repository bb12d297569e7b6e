"""A customer asks for a meeting, picks a time and is in the calendar, over the wire."""

from typing import Any

import pytest

from tests.e2e.conftest import Office, shown
from tests.e2e.test_escalations import only_agent
from tests.e2e.test_first_light import phone

pytestmark = pytest.mark.timeout(240)


async def test_a_customer_books_a_meeting_by_answering_with_a_number(office: Office) -> None:
    agent, customer = await only_agent(office), phone()
    conversation = await office.greet(customer, "ai")

    office.simulator.say(customer, "Gostaria de marcar uma reunião", instance=office.instance)
    (offer,) = await office.simulator.wait_for(customer, 1, timeout=30)
    assert offer.text.count("\n") == 6
    office.simulator.say(customer, "2", instance=office.instance)
    *_, confirmed = await office.simulator.wait_for(customer, 2, timeout=30)

    async def agenda() -> dict[str, Any]:
        return await office.call("GET", f"/api/meetings?conversationId={conversation}")

    listed = await shown(agenda, lambda it: bool(it["meetings"]))
    (meeting,) = listed["meetings"]
    assert (meeting["source"], meeting["status"], meeting["duration"]) == ("ai", "scheduled", 30)
    assert meeting["attendees"] == [agent["user"]["id"]]
    assert offer.text.splitlines()[2].removeprefix("2. ") in confirmed.text
    assert len(office.simulator.received(customer)) == 2
    headers = {"authorization": f"Bearer {office.token}"}
    file = await office.stack.client.get(f"/api/meetings/{meeting['id']}/calendar.ics", headers=headers)
    assert file.headers["content-type"].startswith("text/calendar")
    assert "BEGIN:VEVENT" in file.text
