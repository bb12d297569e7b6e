"""Assignment rules: to whom an instance's new conversations go. See turns.py for how they are followed."""

from typing import Any

import psycopg
from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import Conflict, Invalid, NotFound
from services.kit.pb import columns, fill
from services.messaging.inbox_models import AssignmentRule, Person
from services.messaging.models import Instance

SHOWN = select(*columns(pb.AssignmentRule, AssignmentRule))


class RuleNotFound(NotFound):
    """Assignment rule not found"""


class RuleActive(Conflict):
    """This instance has an active rule already."""

    code = "rule_active"


async def list_rules(
    session: Session, actor: Actor, request: pb.ListAssignmentRulesRequest
) -> pb.ListAssignmentRulesResponse:
    page = pages.read(request)
    wanted = [AssignmentRule.instance_id == request.instance_id] if request.instance_id else []
    statement = SHOWN.where(*wanted).order_by(AssignmentRule.id.desc()).limit(page.fetch).offset(page.offset)
    if page.after:
        statement = statement.where(tuple_(AssignmentRule.id) < pages.place(page, AssignmentRule.id))
    total = None
    if page.wants_total:
        total = await session.scalar(select(func.count()).select_from(AssignmentRule).where(*wanted))
    rows, pagination = pages.cut(page, await session.all(statement), lambda row: (row.id,), total)
    return pb.ListAssignmentRulesResponse(
        rules=[fill(pb.AssignmentRule, row) for row in rows], pagination=pagination
    )


async def create(
    session: Session, actor: Actor, request: pb.CreateAssignmentRuleRequest
) -> pb.AssignmentRuleResponse:
    if not await session.first(select(Instance.id).where(Instance.id == request.instance_id)):
        raise Invalid(fields={"instanceId": "does not exist"})
    values = {
        "name": request.name,
        "instance_id": request.instance_id,
        "rule_type": request.rule_type,
        "fixed_agent_id": request.fixed_agent_id or None,
        "round_robin_agents": [*dict.fromkeys(request.round_robin_agents)],
        "is_active": request.is_active if request.HasField("is_active") else True,
    }
    await _check(session, values)
    try:
        made = await session.scalar(insert(AssignmentRule).values(**values).returning(AssignmentRule.id))
    except psycopg.errors.UniqueViolation as error:
        raise RuleActive from error
    return await _answer(session, made)


async def change(
    session: Session, actor: Actor, request: pb.UpdateAssignmentRuleRequest
) -> pb.AssignmentRuleResponse:
    known = await session.first(SHOWN.where(AssignmentRule.id == request.id).with_for_update())
    if known is None:
        raise RuleNotFound
    values: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("name", "rule_type", "fixed_agent_id", "is_active")
        if request.HasField(name)
    }
    if request.round_robin_agents:
        values["round_robin_agents"] = [*dict.fromkeys(request.round_robin_agents)]
    if not values:
        raise Invalid("No valid fields")
    await _check(session, {**known._asdict(), **values})
    try:
        await session.run(update(AssignmentRule).where(AssignmentRule.id == request.id).values(**values))
    except psycopg.errors.UniqueViolation as error:
        raise RuleActive from error
    return await _answer(session, request.id)


async def _check(session: Session, rule: dict[str, Any]) -> None:
    """Whom it names has to be there; that somebody cannot attend at the moment is no fault of the rule."""
    if rule["rule_type"] == "fixed" and not rule["fixed_agent_id"]:
        raise Invalid(fields={"fixedAgentId": "is required for a fixed rule"})
    if rule["rule_type"] == "round_robin" and not rule["round_robin_agents"]:
        raise Invalid(fields={"roundRobinAgents": "is required for a round robin"})
    named = [*rule["round_robin_agents"], *filter(None, [rule["fixed_agent_id"]])]
    known = {row.id for row in await session.all(select(Person.id).where(Person.id.in_(named)))}
    if missing := [id for id in named if id not in known]:
        field = "fixedAgentId" if missing == [rule["fixed_agent_id"]] else "roundRobinAgents"
        raise Invalid(fields={field: "names somebody who does not exist"})


async def remove(session: Session, actor: Actor, request: pb.DeleteAssignmentRuleRequest) -> pb.DoneResponse:
    if not await session.run(delete(AssignmentRule).where(AssignmentRule.id == request.id)):
        raise RuleNotFound
    return pb.DoneResponse(success=True)


async def _answer(session: Session, id: str) -> pb.AssignmentRuleResponse:
    row = await session.first(SHOWN.where(AssignmentRule.id == id))
    return pb.AssignmentRuleResponse(success=True, rule=fill(pb.AssignmentRule, row))
