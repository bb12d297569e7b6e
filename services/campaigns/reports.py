"""What became of a campaign: its numbers, a line per recipient, and the same as a file."""

import csv
import io
from collections.abc import AsyncIterator, Sequence

from sqlalchemy import select

from protos import campaigns_pb2 as pb
from protos.pages_pb2 import Pagination
from services.campaigns import lists
from services.campaigns.campaigns import read, shown
from services.campaigns.models import Recipient
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Database, Row, Session
from services.kit.pb import fill

DEFAULT_LINES = 100
MOST_LINES = 500
LINES_AT_ONCE = 1000
FIELDS = [field.name for field in pb.Recipient.DESCRIPTOR.fields]
HEADINGS = ("contactName", "phoneNumber", "status", "sentAt", "deliveredAt", "readAt", "error", "attempts")
BOM = "\ufeff".encode()  # without it Excel takes the file for one of its own code page
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run

LINES = select(*(getattr(Recipient, name) for name in FIELDS))
PART = """
    select contact_id, contact_name, phone_number, status, sent_at, delivered_at, read_at, error, attempts
    from campaign_messages
    where campaign_id = %(id)s and contact_id > %(after)s and (%(any)s or status = any(%(statuses)s))
    order by contact_id limit %(limit)s
"""


async def get(session: Session, actor: Actor, request: pb.GetCampaignRequest) -> pb.GetCampaignResponse:
    campaign = await read(session, request.id)
    given = request.HasField
    wanted = pb.ListRecipientsRequest(
        id=request.id,
        status=request.message_status,
        cursor=request.messages_cursor,
        limit=request.messages_limit if given("messages_limit") else None,
        page=request.messages_page if given("messages_page") else None,
    )
    rows, pagination = await _lines(session, wanted)
    return pb.GetCampaignResponse(
        campaign=shown(campaign),
        messages=[fill(pb.Recipient, row) for row in rows],
        stats=stats(campaign),
        messages_pagination=pagination,
    )


async def list_recipients(
    session: Session, actor: Actor, request: pb.ListRecipientsRequest
) -> pb.ListRecipientsResponse:
    await read(session, request.id)
    rows, pagination = await _lines(session, request)
    return pb.ListRecipientsResponse(
        recipients=[fill(pb.Recipient, row) for row in rows], pagination=pagination
    )


async def export(
    db: Database, actor: Actor, request: pb.ExportRecipientsRequest
) -> AsyncIterator[pb.Document]:
    """A part at a time: a hundred thousand lines are never in memory together."""
    async with db.read() as session:
        campaign = await read(session, request.id)
    yield pb.Document(
        content_type="text/csv; charset=utf-8",
        filename=f"campaign-{campaign.id}.csv",
        content=BOM + lines([HEADINGS]),
    )
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        async with db.read() as session:
            rows = await session.all(
                PART,
                id=campaign.id,
                after=after,
                any=not request.status,
                statuses=[*request.status],
                limit=LINES_AT_ONCE,
            )
        if not rows:
            return
        after = rows[-1].contact_id
        yield pb.Document(content=lines([row[1:] for row in rows]))


def stats(campaign: Row) -> pb.CampaignStats:
    waiting = campaign.pending_count + campaign.queued_count
    finished = campaign.total_recipients - waiting if campaign.frozen_at else 0
    return pb.CampaignStats(
        pending=waiting,
        queued=campaign.queued_count,
        sent=campaign.sent_count,
        delivered=campaign.delivered_count,
        read=campaign.read_count,
        failed=campaign.failed_count,
        unknown=campaign.unknown_count,
        cancelled=campaign.cancelled_count,
        progress=100 * finished // campaign.total_recipients if campaign.total_recipients else 0,
    )


def lines(rows: Sequence[Sequence[object]]) -> bytes:
    """CSV that a spreadsheet shows, in Brazil with semicolons, and does not run."""
    file = io.StringIO()
    csv.writer(file, delimiter=";").writerows([_harmless(value) for value in row] for row in rows)
    return file.getvalue().encode()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


async def _lines(session: Session, request: pb.ListRecipientsRequest) -> tuple[Sequence[Row], Pagination]:
    filtered = LINES.where(Recipient.campaign_id == request.id)
    if request.status:
        filtered = filtered.where(Recipient.status.in_(request.status))
    return await lists.read(
        session,
        filtered,
        pages.read(request, default=DEFAULT_LINES, largest=MOST_LINES),
        (Recipient.__table__.c.contact_id,),
        lambda row: (row.contact_id,),
    )
