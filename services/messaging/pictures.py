"""How contacts look: WhatsApp's address of the picture, which expires, or the key of a copy that is ours.

A copy's key is made of the contact and of the address, without the signature in it: the same picture is
the same key, however often it is told of.
"""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, not_, or_, update
from sqlalchemy.dialects.postgresql import insert

from services.kit import sniff
from services.kit.blobs import ObjectNotFound
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Unavailable
from services.messaging import files, remote
from services.messaging.evolution.calls import Server
from services.messaging.message_models import File
from services.messaging.models import Contact
from services.messaging.settings import settings, store

OURS = files.PREFIXES["avatar"]
WHATSAPP = "whatsapp.net"
PATIENCE = 4.0
AGAIN = timedelta(hours=1)  # what cannot be copied must not be asked for at each message


class NoCopy(Exception):
    """There is no picture at this address that can be kept."""


def missing() -> ColumnElement[bool]:
    shown = Contact.profile_picture_url
    if not settings().profile_pictures_copy:
        return shown.is_(None)
    return or_(shown.is_(None), not_(shown.startswith(OURS)))


def told(row: Row, url: str, at: str) -> dict[str, Any]:
    """What an address in a webhook changes: where copies are kept, WhatsApp is asked for the picture soon."""
    if not settings().profile_pictures_copy:
        is_newer = (at, url) > (row.picture_told_at or "", row.profile_picture_url or "")
        return {"profile_picture_url": url, "picture_told_at": at} if is_newer else {}
    last = row.picture_told_at
    if _key(row.id, url) == row.profile_picture_url or (last and parse(at) - parse(last) < AGAIN):
        return {}
    return {"checked_at": None, "picture_told_at": at}


async def shown(db: Database, server: Server, row: Row, url: str) -> str:
    """What there is to show of the picture at this address: copied first, where copies are kept."""
    if not settings().profile_pictures_copy:
        return url
    key = _key(row.id, url)
    if key != row.profile_picture_url:
        await _copy(db, server, url, key)
    return key


async def forget(session: Session, key: str | None) -> None:
    """Another picture is shown now: the sweep erases the copy of this one."""
    if key and key.startswith(OURS):
        gone = update(File).where(File.key == key).values(status="deleted", deleted_at=now())
        await session.run(gone)


def _key(contact: str, url: str) -> str:
    return f"{OURS}{contact}/{hashlib.blake2b(urlsplit(url).path.encode(), digest_size=8).hexdigest()}"


async def _copy(db: Database, server: Server, url: str, key: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            content = await remote.fetch(server, url, most=files.LARGEST["avatar"], domain=WHATSAPP)
    except (TimeoutError, remote.TooLong) as error:
        raise NoCopy from error
    kind = sniff.recognise((content or b"")[: sniff.HEAD], "", whole=False)
    if content is None or kind is None or not sniff.is_picture(kind.mimetype):
        raise NoCopy
    try:
        await store().put(key, content, kind.mimetype)
    except (Unavailable, ObjectNotFound) as error:
        raise NoCopy from error
    values = {
        "mime_type": kind.mimetype,
        "size_bytes": len(content),
        "status": "stored",
        "checksum": hashlib.sha256(content).hexdigest(),
    }
    known = insert(File).values(key=key, bucket=store().bucket, purpose="avatar", **values)
    known = known.on_conflict_do_update(index_elements=[File.key], set_={**values, "deleted_at": None})
    async with db.begin() as session:
        await session.run(known)
