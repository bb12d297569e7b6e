"""What became of a campaign: the detail, its pages, and the file."""

import csv
import io
from typing import Any

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import reports
from services.campaigns.campaigns import CampaignNotFound
from services.kit.db import Database
from services.kit.tables import new_id
from tests.campaigns.messaging_server import Gate, status
from tests.campaigns.world import flow, started, tell
from tests.support import MARIA


async def detail(db: Database, id: str, **fields: Any) -> pb.GetCampaignResponse:
    async with db.read() as session:
        return await reports.get(session, MARIA, pb.GetCampaignRequest(id=id, **fields))


async def test_the_detail_tells_how_far_it_is(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 4)
    await flow(db, gate)
    await tell(db, status(gate.ledger[0], "read"), status(gate.ledger[1], "delivered"))

    report = await detail(db, id)

    expected = pb.CampaignStats(sent=4, delivered=2, read=1, progress=100)
    assert report.stats == expected
    assert [line.contact_name for line in report.messages] == [f"Cliente {n}" for n in range(4)]
    first = report.messages[0]
    assert (first.status, first.attempts) == ("read", 1)
    assert first.sent_at <= first.delivered_at <= first.read_at
    assert first.whatsapp_message_id


async def test_recipients_come_in_pages_and_by_status(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 5)
    await flow(db, gate)
    await tell(db, status(gate.ledger[4], "read"))

    page = await detail(db, id, messages_limit=2, messages_page=2)
    read = await detail(db, id, message_status=["read", "failed"])
    after = await detail(db, id, messages_limit=3, messages_cursor="")

    assert [line.contact_name for line in page.messages] == ["Cliente 2", "Cliente 3"]
    assert (page.messages_pagination.total, page.messages_pagination.total_pages) == (5, 3)
    assert [line.contact_name for line in read.messages] == ["Cliente 4"]
    rest = await detail(db, id, messages_cursor=after.messages_pagination.next_cursor)
    assert [line.contact_name for line in rest.messages] == ["Cliente 3", "Cliente 4"]


async def test_recipients_are_also_a_list_of_their_own(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 3)

    async with db.read() as session:
        request = pb.ListRecipientsRequest(id=id, limit=2, include=["total"])
        found = await reports.list_recipients(session, MARIA, request)

    assert len(found.recipients) == 2
    assert found.pagination.total == 3


async def test_the_file_holds_a_line_for_each_recipient(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 2300)

    request = pb.ExportRecipientsRequest(id=id, status=["pending"])
    parts = [part async for part in reports.export(db, MARIA, request)]

    assert (parts[0].content_type, parts[0].filename) == ("text/csv; charset=utf-8", f"campaign-{id}.csv")
    content = b"".join(part.content for part in parts)
    assert content.startswith(b"\xef\xbb\xbf")  # else a spreadsheet shows accents as something else
    text = content.decode("utf-8-sig")
    lines = [*csv.reader(io.StringIO(text), delimiter=";")]
    assert lines[0] == [*reports.HEADINGS]
    assert lines[1][:3] == ["Cliente 0", "5511900000000", "pending"]
    assert len(lines) == 1001


async def test_a_campaign_that_does_not_exist_has_no_report(db: Database) -> None:
    with pytest.raises(CampaignNotFound):
        await detail(db, new_id())
    with pytest.raises(CampaignNotFound):
        [part async for part in reports.export(db, MARIA, pb.ExportRecipientsRequest(id=new_id()))]
