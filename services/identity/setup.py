"""The setup of the workspace: the company, its hours, its time zone."""

from typing import Any

import orjson

from protos import identity_pb2 as pb
from services.identity import config
from services.identity.settings import settings
from services.kit.actor import Actor
from services.kit.clock import now, rfc3339
from services.kit.db import Session
from services.kit.errors import Invalid
from services.kit.outbox import emit

WEEKDAYS = [1, 2, 3, 4, 5]


async def set_up(
    session: Session, actor: Actor, request: pb.SetUpInfrastructureRequest
) -> pb.SetUpInfrastructureResponse:
    values = _settings(request)
    if values["working_hours_start"] >= values["working_hours_end"]:
        raise Invalid(
            "The working hours must end after they start", fields={"workingHoursEnd": "is too early"}
        )
    if len(set(values["working_days"])) < len(values["working_days"]):
        raise Invalid("Working days must be unique", fields={"workingDays": "names a day twice"})
    config.check(values)
    await config.write(session, actor, values)
    at = values["setup_completed_at"]
    await emit(session, pb.SetupCompleted(workspace="main", at=at, by=actor.id))
    return pb.SetUpInfrastructureResponse(
        success=True,
        message="Infrastructure setup completed",
        config=orjson.dumps(values).decode(),
    )


async def get_status(
    session: Session, actor: Actor, request: pb.GetSetupStatusRequest
) -> pb.GetSetupStatusResponse:
    completed = await config.flag(session, "setup_completed")
    at = await config.value(session, "setup_completed_at") if completed else None
    return pb.GetSetupStatusResponse(setup_completed=completed, setup_completed_at=at)


def _settings(request: pb.SetUpInfrastructureRequest) -> dict[str, Any]:
    """What was left out and has no default is not stored."""
    named = {"company_name": request.company_name, "support_email": request.support_email}
    return {
        **{key: value for key, value in named.items() if value},
        "default_timezone": request.default_timezone or settings().default_timezone,
        "working_hours_start": request.working_hours_start or "09:00",
        "working_hours_end": request.working_hours_end or "18:00",
        "working_days": [*request.working_days] or WEEKDAYS,
        "setup_completed": True,
        "setup_completed_at": rfc3339(now()),
    }
