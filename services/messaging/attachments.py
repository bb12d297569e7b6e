"""Files that go out with messages: stored as ours first, handed to Evolution in the way that it can take."""

import asyncio
import binascii
import hashlib
import mimetypes
from base64 import b64decode, b64encode
from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from services.kit import egress, sniff
from services.kit.actor import Actor
from services.kit.db import Database, Session
from services.kit.errors import Invalid
from services.messaging import files
from services.messaging.files import FileNotFound, KindRefused
from services.messaging.message_models import File
from services.messaging.settings import callable_hosts, settings, store

LABELS = {"image": "📷 Imagem", "audio": "🎵 Áudio", "video": "🎥 Vídeo", "document": "📄 Documento"}
LONGEST_CAPTION = 1024
LARGEST_INLINE = 16 * 1024 * 1024
KNOWN = select(File.mime_type, File.original_name, File.size_bytes).where(File.key == bindparam("key"))


def is_address(media: str) -> bool:
    return media.startswith(("http://", "https://"))


async def payload(media: str) -> str:
    """An address that Evolution can fetch from, or the file itself in base64."""
    if is_address(media):
        return media
    if settings().evolution_media_mode == "url":
        return store().address(media)
    content = await store().get(media)
    if len(content) > LARGEST_INLINE:
        return store().address(media)
    return (await asyncio.to_thread(b64encode, content)).decode()


def label(message_type: str, name: str | None) -> str:
    """What stands in the thread for a file without a caption; the same words as when its echo comes."""
    return (name if message_type == "document" else None) or LABELS.get(message_type, "")


def caption(message_type: str, content: str, name: str | None) -> str | None:
    """Our own label of a file is for the inbox only."""
    return None if content in (LABELS.get(message_type), label(message_type, name)) else content


def decoded(text: str) -> bytes:
    """Base64, as it is or as a data URI."""
    try:
        content = b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(fields={"mediaBase64": "is not base64"}) from error
    if not content:
        raise Invalid(fields={"mediaBase64": "is empty"})
    return content


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as a message refers to it: the key of one of ours, or an address on the internet."""

    place: str
    mimetype: str | None = None
    name: str | None = None
    size: int | None = None


async def keep(db: Database, actor: Actor, content: bytes, mimetype: str, name: str) -> Attachment:
    """A file that came in a request: looked at, and stored before a message refers to it."""
    kind = sniff.recognise(content[: sniff.HEAD], name, mimetype, whole=len(content) <= sniff.HEAD)
    if kind is None:
        raise KindRefused
    async with db.begin() as session:
        key = await files.remember(session, actor, "whatsapp", name, kind.mimetype, kind.extension)
    await store().put(key, content, kind.mimetype)
    digest = hashlib.sha256(content).hexdigest()
    values = {"status": "stored", "size_bytes": len(content), "checksum": digest}
    async with db.begin() as session:
        await session.run(update(File).where(File.key == key).values(**values))
    return Attachment(key, kind.mimetype, name or key.rpartition("/")[2], len(content))


async def addressed(place: str, mimetype: str, name: str) -> Attachment:
    """A public address that a request refers to: looked up, so never in a transaction."""
    await egress.vet(place, callable_hosts())
    return Attachment(place, mimetype or _guessed(place), name or None)


async def named(session: Session, actor: Actor, place: str, mimetype: str, name: str) -> Attachment:
    """A stored file that a request refers to, and that the caller may have."""
    try:
        row = await files.seen(session, actor, place)
    except FileNotFound as error:
        raise Invalid(fields={"mediaUrl": "is neither an address nor a file that you may use"}) from error
    if row.status != "stored":
        raise Invalid(fields={"mediaUrl": "has not been uploaded yet"})
    return Attachment(place, mimetype or row.mime_type, name or row.original_name, row.size_bytes)


async def described(session: Session, place: str) -> Attachment:
    """What another service refers to."""
    if is_address(place):
        return Attachment(place, _guessed(place))
    row = await session.first(KNOWN, key=place)
    return Attachment(place, row.mime_type, row.original_name, row.size_bytes) if row else Attachment(place)


def _guessed(address: str) -> str | None:
    return mimetypes.guess_type(address.partition("?")[0])[0]


async def attach(session: Session, attachment: Attachment, message: str) -> None:
    """A file that belongs to a message is for those who see the conversation."""
    await session.run(
        update(File).where(File.key == attachment.place, File.message_id.is_(None)).values(message_id=message)
    )
