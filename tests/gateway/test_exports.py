"""Files that services write come through in parts, and refusals come before the first of them."""

from datetime import timedelta

import pytest

from services.kit.clock import now, rfc3339
from services.kit.tables import new_id
from tests.gateway.house import Front, House

FILL = """
    insert into campaign_messages (id, campaign_id, contact_id, contact_name, phone_number, status)
    select gen_random_uuid(), %(id)s, gen_random_uuid(), 'Cliente', '55119' || n, 'pending'
    from generate_series(1, %(count)s) as n
"""


async def test_a_report_is_a_file_of_any_length(house: House, front: Front) -> None:
    draft = {"name": "Volta", "messageTemplate": "Olá!"}
    made = (await front.call("POST", "/api/campaigns", draft, token=house.admin)).json()["campaign"]
    async with house.databases["campaigns"].begin() as session:
        await session.run(FILL, id=made["id"], count=5000)

    answer = await front.call("GET", f"/api/campaigns/{made['id']}/recipients.csv", token=house.admin)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="campaign-{made["id"]}.csv"'
    assert "content-length" not in answer.headers
    assert len(answer.text.splitlines()) == 5001


async def test_a_meeting_is_a_file_for_calendars(house: House, front: Front) -> None:
    when = rfc3339(now() + timedelta(days=1))
    booked = await front.call(
        "POST", "/api/meetings/schedule", {"title": "Proposta", "scheduledAt": when}, token=house.admin
    )
    id = booked.json()["meeting"]["id"]

    answer = await front.call("GET", f"/api/meetings/{id}/calendar.ics", token=house.admin)

    assert answer.headers["content-type"] == "text/calendar; charset=utf-8; method=REQUEST"
    assert answer.text.startswith("BEGIN:VCALENDAR\r\n")


@pytest.mark.parametrize("path", ["/api/campaigns/{id}/recipients.csv", "/api/meetings/{id}/calendar.ics"])
async def test_refusals_of_files_are_problem_documents(house: House, front: Front, path: str) -> None:
    missing = await front.call("GET", path.format(id=new_id()), token=house.admin)
    malformed = await front.call("GET", path.format(id="x"), token=house.admin)
    anonymous = await front.call("GET", path.format(id=new_id()))

    statuses = [answer.status_code for answer in (missing, malformed, anonymous)]
    assert statuses == [404, 400, 401]
    assert missing.headers["content-type"].startswith("application/problem+json")
