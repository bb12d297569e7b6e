"""What is known about files: whose they are, who may have them, and when they go."""

import re
import unicodedata
from datetime import timedelta
from urllib.parse import quote

from sqlalchemy import delete as remove
from sqlalchemy import exists, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import sniff
from services.kit.actor import Actor
from services.kit.blobs import HOUR
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge, Unavailable, Unsupported
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.messaging.message_models import File
from services.messaging.models import Conversation, Message
from services.messaging.settings import store
from services.messaging.visibility import has_its_files, visible

LARGEST = {"avatar": 5 * 1024 * 1024}
LARGEST_OF_ALL = 50 * 1024 * 1024
PREFIXES = {"avatar": "avatars/", "campaign": "campaigns/"}
MEDIA = "whatsapp-media/"
INCOMING = "incoming/"  # where signed addresses lead: what lies there has not been looked at
ORPHANED_AFTER = timedelta(hours=24)
BATCH = 100
EXTENSIONS = {kind.mimetype: kind.extension for kind in sniff.KINDS}
UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, and what turns the writing direction
FILE = select(
    File.id,
    File.key,
    File.mime_type,
    File.original_name,
    File.size_bytes,
    File.purpose,
    File.status,
    File.owner_id,
    File.message_id,
)


class FileNotFound(NotFound):
    """File not found"""


class NotYours(Forbidden):
    """Only its owner, an administrator or a supervisor may delete this file."""


class FileInUse(Conflict):
    """A message or a contact shows this file."""

    code = "file_in_use"


class KindRefused(Unsupported):
    """Files of this kind are not taken."""

    code = "unsupported_media_type"


class FileTooLarge(TooLarge):
    """The file is too large."""


async def create(session: Session, actor: Actor, request: pb.CreateFileRequest) -> pb.File:
    """The key of a file that is about to be stored. Without a `complete` it is swept."""
    purpose = request.purpose or "general"
    if purpose not in ("general", "avatar", "whatsapp", "campaign"):
        raise Invalid(fields={"purpose": "must be one of general, avatar, whatsapp, campaign"})
    key = await remember(session, actor, purpose, request.original_name, request.mime_type, request.extension)
    return pb.File(key=key)


async def complete(session: Session, actor: Actor, request: pb.CompleteFileRequest) -> pb.UploadResponse:
    row = await session.first(
        update(File)
        .where(File.key == request.key, File.status == "pending", File.owner_id == actor.id)
        .values(status="stored", size_bytes=request.size, checksum=request.checksum)
        .returning(File.id, File.key, File.mime_type, File.original_name, File.size_bytes, File.owner_id)
    )
    if row is None:
        raise FileNotFound
    await _announce(session, row, row.mime_type, row.size_bytes)
    return pb.UploadResponse(
        success=True,
        key=row.key,
        original_name=row.original_name,
        mime_type=row.mime_type,
        size=row.size_bytes,
        url=_address(row),
    )


async def sign_upload(session: Session, actor: Actor, request: pb.SignUploadRequest) -> pb.SignUploadResponse:
    """Type and, where told, size are part of the signature; the content is looked at before it is used."""
    mimetype = request.content_type.partition(";")[0].strip().lower()
    purpose = request.purpose or "general"
    if mimetype not in EXTENSIONS or (purpose == "avatar" and not sniff.is_picture(mimetype)):
        raise KindRefused
    size = request.size if request.HasField("size") else None
    if size is not None and size > LARGEST.get(purpose, LARGEST_OF_ALL):
        raise FileTooLarge
    key = await remember(
        session, actor, purpose, request.file_name, mimetype, EXTENSIONS[mimetype], size_bytes=size
    )
    headers = {"Content-Type": mimetype} | ({"Content-Length": str(size)} if size is not None else {})
    return pb.SignUploadResponse(
        success=True,
        upload_url=store().upload_address(INCOMING + key, mimetype, size=size),
        key=key,
        expires_in=HOUR,
        headers=headers,
    )


async def get(db: Database, actor: Actor, request: pb.GetFileRequest) -> pb.DownloadResponse:
    async with db.read() as session:
        row = await seen(session, actor, request.key)
    if row.status == "pending":
        row = await _settle(db, actor, row)
    named = row._replace(original_name=clean_name(request.filename) or row.original_name)
    return pb.DownloadResponse(
        url=_address(named, request.disposition),
        expires_in=HOUR,
        mime_type=row.mime_type,
        size=row.size_bytes,
        original_name=row.original_name,
        http_status=302 if request.redirect else 0,
    )


async def delete(db: Database, actor: Actor, request: pb.DeleteFileRequest) -> pb.DeleteFileResponse:
    async with db.begin() as session:
        row = await seen(session, actor, request.key)
        if row.owner_id != actor.id and not actor.leads:
            raise NotYours
        held = select(exists().where(Message.media_url == row.key))
        is_of_nobody = row.owner_id is None  # a customer's: of a message, or the copy of a picture
        if is_of_nobody or row.message_id is not None or await session.scalar(held):
            raise FileInUse
        await session.run(update(File).where(File.id == row.id).values(status="deleted", deleted_at=now()))
        await emit(session, pb.FileDeleted(file_id=row.id, key=row.key, by=actor.id or actor.service))
    try:
        await _erase(db, row.id, row.key)
    except Unavailable:
        log.warning("file_not_erased_yet", file_id=row.id)  # the sweep comes back for it
    return pb.DeleteFileResponse(success=True)


async def sweep(db: Database) -> None:
    """Erase what was begun and never finished, and what was to be deleted while S3 was away."""
    before = now() - ORPHANED_AFTER
    stale = or_(File.status == "deleted", File.created_at < before)
    async with db.read() as session:
        rows = await session.all(select(File.id, File.key).where(File.status != "stored", stale).limit(BATCH))
    for row in rows:
        await _erase(db, row.id, row.key)
    for key in await store().older(INCOMING, before):
        await store().delete(key)
    await store().abandon(before)


async def ensure_bucket() -> None:
    try:
        log.info("bucket_ready", state=await store().ensure())
    except Unavailable:
        log.warning("bucket_unavailable")


def clean_name(name: str) -> str:
    """A name for people, as no file system and no screen can misread it."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(letter for letter in last if unicodedata.category(letter) not in UNPRINTABLE)
    return shown.strip(" .")[:200]


def disposition(kind: str, name: str) -> str:
    """RFC 6266: the name in ASCII for old programs, and as it is."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%;]', "_", unicodedata.normalize("NFKD", name))
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def remember(
    session: Session,
    actor: Actor,
    purpose: str,
    name: str,
    mimetype: str,
    extension: str,
    size_bytes: int | None = None,
) -> str:
    id = new_id()
    key = f"{PREFIXES.get(purpose, 'uploads/')}{id}{extension}"
    await session.run(
        insert(File).values(
            id=id,
            key=key,
            bucket=store().bucket,
            original_name=clean_name(name) or None,
            mime_type=mimetype,
            size_bytes=size_bytes,
            purpose=purpose,
            status="pending",
            owner_id=actor.id or None,
        )
    )
    return key


async def seen(session: Session, actor: Actor, key: str) -> Row:
    """A message's file belongs to its conversation; what is not there yet, to who brings it."""
    in_conversation = exists().where(
        Message.id == File.message_id,
        Conversation.id == Message.conversation_id,
        visible(actor),
        has_its_files(actor),
    )
    of_nobody = File.message_id.is_(None) & ~File.key.startswith(MEDIA, autoescape=True)
    mine = File.owner_id == actor.id
    row = await session.first(
        FILE.where(
            File.key == key,
            or_(File.status == "stored", (File.status == "pending") & mine),
            or_(true() if actor.leads else mine, in_conversation, of_nobody),
        )
    )
    if row is None:
        raise FileNotFound
    return row


async def _settle(db: Database, actor: Actor, row: Row) -> Row:
    """Look at what was put to a signed address, and take it over where nobody can put anything any more."""
    incoming = INCOMING + row.key
    size = await store().size(incoming)
    if size is None:
        raise FileNotFound
    head = await store().get(incoming, most=max(sniff.HEAD, sniff.LARGEST_SVG)) if size else b""
    kind = sniff.recognise(head, row.original_name or "", row.mime_type, whole=len(head) == size)
    too_large = size > LARGEST.get(row.purpose, LARGEST_OF_ALL)
    if too_large or kind is None or kind.mimetype != row.mime_type:
        await _erase(db, row.id, row.key)
        raise FileTooLarge if too_large else KindRefused
    await store().copy(incoming, row.key, kind.mimetype)
    async with db.begin() as session:
        changed = update(File).where(File.id == row.id, File.status == "pending")
        if await session.run(changed.values(status="stored", size_bytes=size)):
            await _announce(session, row, kind.mimetype, size)
    await store().delete(incoming)
    return row._replace(size_bytes=size)


async def _announce(session: Session, row: Row, mimetype: str, size: int) -> None:
    await emit(
        session,
        pb.FileStored(file_id=row.id, key=row.key, mime_type=mimetype, size=size, owner_id=row.owner_id),
    )


async def _erase(db: Database, id: str, key: str) -> None:
    await store().delete(key)
    await store().delete(INCOMING + key)
    async with db.begin() as session:
        await session.run(remove(File).where(File.id == id))


def _address(row: Row, wanted: str = "") -> str:
    """Only what no browser runs is shown in place."""
    shown = wanted != "attachment" and sniff.may_be_shown(row.mime_type)
    name = row.original_name or row.key.rpartition("/")[2]
    kind = "inline" if shown else "attachment"
    return store().address(row.key, disposition=disposition(kind, name), mimetype=row.mime_type)
