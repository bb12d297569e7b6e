"""A hundred thousand recipients: bounded statements, flat memory, and no wait that grows."""

import statistics
import time
from typing import Any

import psutil
import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import audience, recall, reports, starting
from services.kit.db import Database, Session
from tests.campaigns.messaging_server import Gate
from tests.campaigns.world import campaign, rows_of, settle
from tests.support import SUPERVISOR

MANY = 100_000
MEGABYTE = 1024 * 1024


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every statement from now on."""
    told: list[Any] = []
    execute = Session._execute

    async def tell(session: Session, statement: Any, values: dict[str, Any]) -> Any:
        told.append(statement)
        return await execute(session, statement, values)

    monkeypatch.setattr(Session, "_execute", tell)
    return told


def memory() -> float:
    return float(psutil.Process().memory_info().rss) / MEGABYTE


async def test_a_hundred_thousand_recipients_are_written_down_a_page_at_a_time(
    db: Database, gate: Gate
) -> None:
    gate.add_contacts(MANY)
    draft = await campaign(db)
    before = memory()

    began = time.monotonic()
    answer = await starting.send(db, SUPERVISOR, pb.SendCampaignRequest(id=draft.id))
    answered = time.monotonic() - began
    await settle(db)
    grown = memory() - before

    began = time.monotonic()
    cancelled = await recall.cancel(db, SUPERVISOR, pb.CancelCampaignRequest(id=draft.id))
    ended = time.monotonic() - began
    await settle(db)

    (row,) = await rows_of(db, "select total_recipients, frozen_at from campaigns")
    assert answer.total_recipients == row.total_recipients == cancelled.cancelled_recipients == MANY
    assert row.frozen_at
    pages = [one for one in gate.requests if one.DESCRIPTOR.name == "ResolveAudienceRequest"]
    assert {page.limit for page in pages} == {audience.PAGE}
    assert len(pages) <= MANY / audience.PAGE + 4
    assert answered < 2
    assert ended < 3
    assert grown < 60
    (row,) = await rows_of(db, "select pending_count, cancelled_count from campaigns")
    assert (row.pending_count, row.cancelled_count) == (0, MANY)


async def test_the_report_of_a_hundred_thousand_costs_what_a_page_of_it_costs(
    db: Database, gate: Gate, statements: list[Any]
) -> None:
    gate.add_contacts(MANY)
    draft = await campaign(db)
    await starting.send(db, SUPERVISOR, pb.SendCampaignRequest(id=draft.id))
    await settle(db)
    statements.clear()
    before, seconds, lines, cursor = memory(), list[float](), 0, ""

    while lines < MANY:
        began = time.monotonic()
        request = pb.ListRecipientsRequest(id=draft.id, limit=500, cursor=cursor or None)
        async with db.read() as session:
            page = await reports.list_recipients(session, SUPERVISOR, request)
        seconds.append(time.monotonic() - began)
        lines += len(page.recipients)
        cursor = page.pagination.next_cursor

    assert (lines, len(seconds), len(statements)) == (MANY, MANY / 500, 2 * MANY / 500)
    assert statistics.median(seconds) < 0.1
    statements.clear()
    parts = [
        len(part.content)
        async for part in reports.export(db, SUPERVISOR, pb.ExportRecipientsRequest(id=draft.id))
    ]
    assert len(statements) == MANY / reports.LINES_AT_ONCE + 2
    assert max(parts) < MEGABYTE
    assert memory() - before < 30
    statements.clear()
    async with db.read() as session:
        await reports.get(session, SUPERVISOR, pb.GetCampaignRequest(id=draft.id))
    assert len(statements) == 2
