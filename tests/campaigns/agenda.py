"""What people do with meetings: change, cancel and list them, and say when there may be some."""

from typing import Any

from protos import campaigns_pb2 as pb
from services.campaigns import meeting_changes, meetings, scheduling
from services.kit.actor import Actor
from services.kit.db import Database
from tests.support import SUPERVISOR


async def change(
    db: Database, actor: Actor, id: str, *, paths: tuple[str, ...] = (), **fields: Any
) -> pb.Meeting:
    request = pb.UpdateMeetingRequest(id=id, **fields)
    request.update_mask.paths.extend(paths)
    return (await meeting_changes.change(db, actor, request)).meeting


async def cancel(db: Database, actor: Actor, id: str, **fields: Any) -> pb.Meeting:
    return (await meeting_changes.cancel(db, actor, pb.CancelMeetingRequest(id=id, **fields))).meeting


async def listed(db: Database, actor: Actor, **fields: Any) -> pb.ListMeetingsResponse:
    async with db.read() as session:
        return await meetings.list_meetings(session, actor, pb.ListMeetingsRequest(**fields))


async def settings(db: Database, **fields: Any) -> pb.Scheduling:
    async with db.begin() as session:
        request = pb.SetSchedulingRequest(**fields)
        return (await scheduling.set_scheduling(session, SUPERVISOR, request)).scheduling
