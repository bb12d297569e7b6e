"""What the workspace says of when meetings are offered."""

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import scheduling
from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from tests.campaigns.agenda import settings
from tests.support import MARIA, SUPERVISOR


async def test_settings_keep_what_the_body_leaves_out_and_null_brings_a_default_back(db: Database) -> None:
    window = pb.Availability(day_of_week=1, start_time="09:00", end_time="12:00", slot_type="available")
    await settings(db, default_duration_minutes=45, reminder1h_text="Oi", availability=[window])

    request = pb.SetSchedulingRequest(is_enabled=False)
    request.update_mask.paths.extend(["reminder1h_text", "is_enabled"])
    async with db.begin() as session:
        kept = (await scheduling.set_scheduling(session, SUPERVISOR, request)).scheduling

    assert (kept.default_duration_minutes, kept.is_enabled, kept.HasField("reminder1h_text")) == (
        45,
        False,
        False,
    )
    assert [*kept.availability] == [window]
    async with db.read() as session:
        sector = pb.GetSchedulingRequest(sector_id=new_id())
        assert (await scheduling.get_scheduling(session, MARIA, sector)).default_duration_minutes == 45


@pytest.mark.parametrize(
    "window",
    [
        pb.Availability(day_of_week=1, start_time="12:00", end_time="09:00"),
        pb.Availability(start_time="09:00", end_time="12:00"),
        pb.Availability(day_of_week=1, specific_date="2031-01-01", start_time="09:00", end_time="12:00"),
    ],
)
async def test_windows_that_make_no_sense_are_refused(db: Database, window: pb.Availability) -> None:
    with pytest.raises(Invalid):
        await settings(db, availability=[window])
