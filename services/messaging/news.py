"""What is told besides messages: changes of messages, of contacts and groups, of the instance itself."""

from collections.abc import Sequence

from services.kit.db import Session
from services.messaging import changes, links, profiles
from services.messaging.inbound import (
    ConnectionUpdate,
    History,
    Ignored,
    Message,
    QrCode,
)
from services.messaging.parking import Told


async def take_in(session: Session, told: Sequence[Told]) -> list[str | None]:
    """For each None when it was taken in, else why it was not. Contacts first: locks have one order."""
    about_contacts = [one for one in told if profiles.is_about_contacts(one.item)]
    learned = iter(await profiles.take_in(session, about_contacts))
    about_messages = [one for one in told if changes.is_change(one.item)]
    changed = iter(await changes.apply(session, about_messages) if about_messages else ())
    reasons = []
    for one in told:
        if profiles.is_about_contacts(one.item):
            reasons.append(next(learned))
        elif changes.is_change(one.item):
            reasons.append(next(changed))
        else:
            reasons.append(await _take_in(session, one))
    return reasons


async def _take_in(session: Session, told: Told) -> str | None:
    match told.item:
        case Message() | History():
            return None
        case Ignored(reason):
            return reason
        case ConnectionUpdate() as change:
            return await links.changed(session, told.instance_id, change, told.told_at)
        case QrCode() as code:
            return await links.show_code(session, told.instance_id, code, told.told_at)
        case other:
            return f"{type(other).__name__.lower()}_not_supported"
