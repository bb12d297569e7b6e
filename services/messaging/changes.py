"""What is told of messages after they were sent: statuses, edits, deletions and reactions, in any order."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import delete

from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.outbox import emit
from services.messaging import deletions, edits, parking, reactions, statuses
from services.messaging.inbound import Deletion, Edit, Item, Reaction, StatusUpdate
from services.messaging.message_models import Parked
from services.messaging.parking import Told
from services.messaging.statuses import Target

FIND = """
    select m.id, m.conversation_id, m.instance_id, m.message_id, m.is_from_me
    from unnest(%(instances)s::uuid[], %(ids)s::text[]) as t(instance_id, message_id)
    join messages m on m.instance_id = t.instance_id and m.message_id = t.message_id
"""
LOCK_CONVERSATIONS = "select id from conversations where id = any(%(ids)s::uuid[]) order by id for update"
LOCK = """
    select m.id, m.conversation_id, m.instance_id, m.message_id, m.is_from_me, m.status, m.progress, m.origin,
           m.timestamp, m.content, m.original_content, m.edited_at, m.deleted_at, m.metadata, s.correlation_id
    from messages m left join sends s on s.message_id = m.id
    where m.id = any(%(ids)s::uuid[]) order by m.id for update of m
"""


def is_change(item: Item) -> bool:
    return isinstance(item, StatusUpdate | Edit | Deletion | Reaction)


async def apply(session: Session, told: Sequence[Told]) -> list[str | None]:
    """For each None when it was taken in, else why it was not. What is about nothing here yet is parked."""
    targets = await _targets(session, told)
    reasons: list[str | None] = []
    for one in told:
        target = next((targets[key] for key in _keys(one) if key in targets), None)
        reasons.append("parked" if target is None else await _change(session, target, one))
    missing = [(one, reason) for one, reason in zip(told, reasons, strict=True) if reason == "parked"]
    await parking.park(session, [(_keys(one)[0][1], one) for one, _ in missing])
    await statuses.write(session, [*{target.id: target for target in targets.values()}.values()])
    await emit(session, *(event for target in _each(targets) for event in target.events))
    return reasons


async def _change(session: Session, target: Target, told: Told) -> str | None:
    match told.item:
        case StatusUpdate() as change:
            return statuses.move(target, change)
        case Edit() as edit:
            return await edits.take(session, target, edit)
        case Deletion():
            return await deletions.take(session, target)
        case Reaction() as reaction:
            return await reactions.take(session, target, reaction, told.told_at)
        case other:
            raise TypeError(f"{type(other).__name__} is no change of a message")


async def _targets(session: Session, told: Sequence[Told]) -> dict[tuple[str, str], Target]:
    """The messages that are meant, locked: after the conversations that may change with them, in order."""
    keys = {key for one in told for key in _keys(one)}
    if not keys:
        return {}
    instances, ids = zip(*sorted(keys), strict=True)
    found = await session.all(FIND, instances=[*instances], ids=[*ids])
    wanted = {key for one in told if _touches_the_header(one) for key in _keys(one)}
    headers = {row.conversation_id for row in found if _key(row) in wanted and not _is_receipt(row, told)}
    if headers:
        await session.all(LOCK_CONVERSATIONS, ids=[*headers])
    locked = await session.all(LOCK, ids=[row.id for row in found]) if found else []
    return {_key(row): target_of(row) for row in locked}


def _touches_the_header(told: Told) -> bool:
    return not isinstance(told.item, Reaction)


def _is_receipt(row: Row, told: Sequence[Told]) -> bool:
    """Most of what comes: how far one of our own messages has got. The inbox does not show it."""
    about = [one.item for one in told if _key(row) in _keys(one)]
    return bool(row.is_from_me) and all(isinstance(item, StatusUpdate) for item in about)


def target_of(row: Row) -> Target:
    values: dict[str, Any] = row._asdict()
    return Target(**{**values, "metadata": orjson.loads(values["metadata"])})


def _key(row: Row) -> tuple[str, str]:
    return row.instance_id, row.message_id


def _keys(told: Told) -> list[tuple[str, str]]:
    match told.item:
        case StatusUpdate(external_ids=ids):
            return [(told.instance_id, id) for id in ids]
        case Edit(external_id=id) | Deletion(external_id=id) | Reaction(target_id=id):
            return [(told.instance_id, id)]
        case _:
            return []


def _each(targets: dict[tuple[str, str], Target]) -> list[Target]:
    return [*{target.id: target for target in targets.values()}.values()]


async def apply_what_came(db: Database) -> None:
    """By the clock: what was parked and has its message now. One transaction parked while another stored."""
    async with db.begin() as session:
        await apply_parked(session, await parking.arrived(session))
        await session.run(delete(Parked).where(Parked.parked_at < now() - parking.KEPT))


async def apply_parked(session: Session, targets: Sequence[tuple[str, str]]) -> None:
    """What was told of these messages before they came."""
    waiting = await parking.fetch(session, targets)
    if waiting:
        await apply(session, waiting)
