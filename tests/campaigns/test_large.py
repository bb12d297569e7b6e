"""A hundred thousand recipients: bounded statements, flat memory, and no wait that grows."""

import time

import psutil

from protos import campaigns_pb2 as pb
from services.campaigns import audience, recall, starting
from services.kit.db import Database
from tests.campaigns.messaging_server import Gate
from tests.campaigns.world import campaign, rows_of, settle
from tests.support import SUPERVISOR

MANY = 100_000
MEGABYTE = 1024 * 1024


async def test_a_hundred_thousand_recipients_are_written_down_a_page_at_a_time(
    db: Database, gate: Gate
) -> None:
    gate.add_contacts(MANY)
    draft = await campaign(db)
    process = psutil.Process()
    before = process.memory_info().rss

    began = time.monotonic()
    answer = await starting.send(db, SUPERVISOR, pb.SendCampaignRequest(id=draft.id))
    answered = time.monotonic() - began
    await settle(db)
    grown = (process.memory_info().rss - before) / MEGABYTE

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
