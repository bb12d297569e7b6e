"""The files of messages that arrived, fetched and stored as ours: tried again when they are not there yet."""

import asyncio
import binascii
import hashlib
import mimetypes
from base64 import b64decode
from dataclasses import dataclass
from datetime import timedelta

import orjson
import psycopg
import psycopg_pool
from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import context, sniff
from services.kit.blobs import ObjectNotFound
from services.kit.clock import now, parse
from services.kit.crypto import Unreadable
from services.kit.db import Database, Row
from services.kit.errors import NotFound, Unavailable
from services.kit.log import log
from services.kit.outbox import emit
from services.messaging import files, instances, remote
from services.messaging.evolution import lookups
from services.messaging.evolution.calls import CallFailed
from services.messaging.inbound import Media
from services.messaging.message_models import File, MediaJob
from services.messaging.models import Message
from services.messaging.remote import TooLong
from services.messaging.settings import store

AT_ONCE = 4
POLL = 0.5
LEASE = timedelta(minutes=4)  # longer than the slowest answer and the slowest store together
PAUSES = (timedelta(seconds=3), timedelta(seconds=30), timedelta(minutes=3), timedelta(minutes=15))
WHILE_THE_STORE_IS_AWAY = timedelta(seconds=20)
UNTYPED = "application/octet-stream"
EXTENSIONS = {"image/jpeg": ".jpg", "audio/ogg": ".ogg", "audio/mp4": ".m4a", "image/webp": ".webp"}

WAITS = "select 1 from media_jobs where due_at <= %(at)s limit 1"
CLAIM = """
    with mine as (
        update media_jobs set due_at = %(until)s, attempts = attempts + 1
        where message_id in (
            select message_id from media_jobs where due_at <= %(at)s
            order by due_at limit 1 for update skip locked)
        returning message_id, media, content, attempts
    )
    select mine.*, m.conversation_id, m.instance_id, m.message_id as external_id, m.message_type, m.timestamp,
           m.media_mimetype, m.media_filename
    from mine join messages m on m.id = mine.message_id
"""


class NoFile(Exception):
    """There is no such file, for now or for ever."""


@dataclass(frozen=True, slots=True)
class Fetched:
    content: bytes
    mimetype: str | None
    name: str | None


async def run(db: Database) -> None:
    """Until it is cancelled. What is cut off is taken up again when its lease ends."""
    looking = asyncio.Lock()
    await asyncio.gather(*(_work(db, looking) for _ in range(AT_ONCE)))


async def _work(db: Database, looking: asyncio.Lock) -> None:
    """One looks for all of them; while it fetches, the next one looks."""
    while True:
        context.enter(context.Context())
        try:
            async with looking:
                found = await _waits(db)
                if not found:
                    await asyncio.sleep(POLL)
            if found:
                await fetch_next(db)
        except (psycopg.OperationalError, psycopg_pool.PoolTimeout) as error:
            log.warning("downloads_wait", error=type(error).__name__)
            await asyncio.sleep(POLL)


async def _waits(db: Database) -> bool:
    async with db.read() as session:
        return await session.scalar(WAITS, at=now()) is not None


async def fetch_next(db: Database) -> bool:
    """Whether there was something to do."""
    async with db.begin() as session:
        job = await session.first(CLAIM, at=now(), until=now() + LEASE)
    if job is None:
        return False
    try:
        await _store(db, job, await _fetch(db, job))
    except Unavailable:
        await _later(db, job, WHILE_THE_STORE_IS_AWAY, attempts=job.attempts - 1)
    except TooLong:
        await _give_up(db, job, "too_large")
    except NoFile as error:
        if job.attempts > len(PAUSES):
            await _give_up(db, job, str(error))
        else:
            await _later(db, job, PAUSES[job.attempts - 1], attempts=job.attempts)
    return True


async def _fetch(db: Database, job: Row) -> Fetched:
    """What came with the webhook, or lies in Evolution's own store, or Evolution's copy."""
    media = Media(**orjson.loads(job.media))
    if job.content:
        try:
            return Fetched(b64decode(job.content, validate=True), job.media_mimetype, job.media_filename)
        except (binascii.Error, ValueError):
            log.info("media_of_webhook_unreadable", message_id=job.message_id)
    async with db.read() as session:
        try:
            server = await instances.server(session, job.instance_id)
        except (NotFound, Unreadable) as error:
            raise NoFile("no_credentials") from error
    if media.url and (found := await remote.fetch(server, media.url, most=files.LARGEST_OF_ALL)):
        return Fetched(found, job.media_mimetype, job.media_filename)
    try:
        file = await lookups.fetch_media(server, job.external_id, job.message_type, media)
    except CallFailed as error:
        raise NoFile(error.message) from error
    return Fetched(
        file.content, job.media_mimetype or file.mimetype, job.media_filename or _name(job, file.file_name)
    )


def _name(job: Row, name: str | None) -> str | None:
    """Evolution calls a file without a name after its message, which tells nobody anything."""
    return None if name is None or name.startswith(job.external_id) else name


async def _store(db: Database, job: Row, file: Fetched) -> None:
    if len(file.content) > files.LARGEST_OF_ALL:
        raise TooLong
    mimetype = (file.mimetype or UNTYPED).partition(";")[0].strip().lower()
    written = parse(job.timestamp)
    extension = EXTENSIONS.get(mimetype) or mimetypes.guess_extension(mimetype) or ".bin"
    key = f"{files.MEDIA}{job.instance_id}/{written:%Y/%m}/{job.message_id}{extension}"
    head = file.content[: sniff.HEAD]
    kind = sniff.recognise(head, file.name or "", mimetype, whole=len(head) == len(file.content))
    try:
        await store().put(key, file.content, kind.mimetype if kind else UNTYPED)
    except ObjectNotFound:
        await store().ensure()
        raise Unavailable from None
    size = len(file.content)
    values = {
        "original_name": files.clean_name(file.name or "") or None,
        "mime_type": kind.mimetype if kind else UNTYPED,
        "size_bytes": size,
        "status": "stored",
        "message_id": job.message_id,
        "checksum": hashlib.sha256(file.content).hexdigest(),
    }
    known = insert(File).values(key=key, bucket=store().bucket, purpose="whatsapp", **values)
    stored = {
        "media_url": key,
        "media_mimetype": mimetype,
        "media_size": size,
        "media_status": "stored",
        "media_filename": file.name,
    }
    async with db.begin() as session:
        await session.run(known.on_conflict_do_nothing())
        await session.run(update(Message).where(Message.id == job.message_id).values(**stored))
        await session.run(delete(MediaJob).where(MediaJob.message_id == job.message_id))
        event = pb.MediaStored(
            conversation_id=job.conversation_id,
            message_id=job.message_id,
            message_type=job.message_type,
            key=key,
            mime_type=mimetype,
            size_bytes=size,
        )
        await emit(session, event)


async def _later(db: Database, job: Row, pause: timedelta, *, attempts: int) -> None:
    async with db.begin() as session:
        job_again = update(MediaJob).where(MediaJob.message_id == job.message_id)
        await session.run(job_again.values(due_at=now() + pause, attempts=attempts))


async def _give_up(db: Database, job: Row, reason: str) -> None:
    async with db.begin() as session:
        await session.run(delete(MediaJob).where(MediaJob.message_id == job.message_id))
        failed = update(Message).where(Message.id == job.message_id).values(media_status="failed")
        await session.run(failed)
        await emit(
            session,
            pb.MediaFailed(conversation_id=job.conversation_id, message_id=job.message_id, reason=reason),
        )
    log.warning("media_given_up", message_id=job.message_id)
