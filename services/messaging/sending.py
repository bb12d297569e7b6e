"""Messages of people: text, files, answers to a message, notes among colleagues."""

import mimetypes
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import context
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, Invalid, TooLarge, Upstream
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.messaging import attachments, dispatching, gate, queueing, threads
from services.messaging.attachments import Attachment
from services.messaging.inbox_models import Person
from services.messaging.models import Conversation, Message
from services.messaging.queueing import SEEN, TARGET, Draft
from services.messaging.settings import settings
from services.messaging.visibility import ConversationNotFound, visible
from services.messaging.words import vector

LARGEST_FILE = 16 * 1024 * 1024


class MessageNotSent(Upstream):
    """Failed to send message"""


class OutcomeUnknown(Upstream):
    """WhatsApp did not confirm this message. It may have arrived: look before you send it again."""


class MayNotSpeakInternally(Forbidden):
    """Only supervisors write internal messages."""


async def send(db: Database, actor: Actor, request: pb.SendMessageRequest) -> pb.SendMessageResponse:
    """A person's message. The answer tells the outcome; a failure is stored and stays visible."""
    _check(actor, request)
    content = attachments.decoded(request.media_base64) if request.HasField("media_base64") else b""
    if len(content) > LARGEST_FILE:
        raise TooLarge("Files of at most 16 MB can be sent.")
    mine = (Conversation.id == request.conversation_id) & visible(actor)
    async with db.read() as session:
        if await session.first(SEEN.where(mine)) is None:
            raise ConversationNotFound
        known = await queueing.used(session, _key(actor, request))
    brought = await _brought(db, actor, request, b"" if known else content)
    async with db.begin() as session:
        target = await session.first(TARGET.where(mine))
        if target is None:
            raise ConversationNotFound
        draft = await _draft(session, actor, request, target, brought)
        if request.is_internal:
            message = await _write_internally(session, target, draft)
        else:
            message = await queueing.queue(session, target, draft)
        if brought:
            await attachments.attach(session, brought, message)
    return await _answer(db, actor, message, is_sent=not request.is_internal)


def _check(actor: Actor, request: pb.SendMessageRequest) -> None:
    kind = request.message_type or "text"
    if (request.is_internal or request.is_supervisor_message) and not actor.leads:
        raise MayNotSpeakInternally
    if kind == "text" and not request.content.strip():
        raise Invalid("content is required for text messages", fields={"content": "is required"})
    if kind == "text":
        return
    if not request.media_url and not request.media_base64:
        raise Invalid(
            "mediaUrl or mediaBase64 is required for media messages",
            fields={"mediaUrl": "or mediaBase64 is required"},
        )
    if len(request.content) > attachments.LONGEST_CAPTION:
        raise Invalid(fields={"content": f"takes at most {attachments.LONGEST_CAPTION} characters here"})


def _key(actor: Actor, request: pb.SendMessageRequest) -> str | None:
    """What the client calls this message in its conversation, or else its Idempotency-Key: not even a crash
    sends it twice."""
    idempotency_key, _ = context.current().idempotency or (None, None)
    name = request.client_message_id or idempotency_key
    return f"{actor.id}:{request.conversation_id}:{name}" if name else None


def _described(request: pb.SendMessageRequest) -> tuple[str, str]:
    """What is said of a file that came in the body: its kind, and its name."""
    mimetype = request.media_mimetype
    if not mimetype and request.media_base64.startswith("data:"):
        mimetype = request.media_base64[len("data:") :].partition(";")[0]
    return mimetype or mimetypes.guess_type(request.file_name)[0] or "", request.file_name


async def _brought(
    db: Database, actor: Actor, request: pb.SendMessageRequest, content: bytes
) -> Attachment | None:
    """What takes its time: a file in the body is stored, an address looked up, before the transaction."""
    if content:
        return await attachments.keep(db, actor, content, *_described(request))
    if request.message_type in ("", "text") or not attachments.is_address(request.media_url):
        return None
    return await attachments.addressed(request.media_url, request.media_mimetype, request.file_name)


async def _draft(
    session: Session, actor: Actor, request: pb.SendMessageRequest, target: Row, brought: Attachment | None
) -> Draft:
    kind = request.message_type or "text"
    file = brought
    if file is None and request.media_url and kind != "text":
        file = await attachments.named(
            session, actor, request.media_url, request.media_mimetype, request.file_name
        )
    return Draft(
        content=await _content(session, actor, request, file.name if file else None),
        origin="human",
        message_type=kind,
        media_url=file.place if file else None,
        media_mimetype=file.mimetype if file else None,
        file_name=file.name if file else None,
        media_size=file.size if file else None,
        quoted_message_id=await _quoted(session, request, target),
        key=_key(actor, request),
        sent_by=actor.id,
        is_supervisor_message=request.is_supervisor_message,
        metadata={"supervisorId": actor.id} if request.is_supervisor_message else {},
    )


async def _content(session: Session, actor: Actor, request: pb.SendMessageRequest, name: str | None) -> str:
    kind = request.message_type or "text"
    if kind != "text":
        return request.content or attachments.label(kind, name)
    content = request.content
    if request.HasField("template_context"):
        content = filled(content, request.template_context, now())
    if request.skip_agent_prefix or request.is_internal:
        return content
    author = await session.scalar(select(Person.full_name).where(Person.id == actor.id))
    return f"*{author}*: {content}" if author else content


def filled(content: str, context: pb.TemplateContext, at: datetime) -> str:
    """What has no value keeps its placeholder."""
    local = at.astimezone(ZoneInfo(settings().default_timezone))
    values = {"dataAtual": f"{local:%d/%m/%Y}", "horaAtual": f"{local:%H:%M}"}
    values |= {field.json_name: value for field, value in context.ListFields()}
    for name, value in values.items():
        content = content.replace(f"{{{{{name}}}}}", value)
    return content


async def _quoted(session: Session, request: pb.SendMessageRequest, target: Row) -> str | None:
    if not request.quoted_message_id:
        return None
    id = request.quoted_message_id
    quoted = await session.scalar(
        select(Message.message_id).where(
            Message.conversation_id == target.id, threads.is_called(id), Message.is_internal.is_(False)
        )
    )
    if quoted is None:
        raise Invalid(fields={"quotedMessageId": "is no message of this conversation"})
    return str(quoted)


async def _write_internally(session: Session, target: Row, draft: Draft) -> str:
    """For colleagues: stored with the thread, and nobody else ever hears of it."""
    id = new_id()
    await session.run(
        insert(Message).values(
            id=id,
            conversation_id=target.id,
            instance_id=target.instance_id,
            message_id=f"local:{id}",
            remote_jid=target.remote_jid,
            content=draft.content,
            words=vector(draft.content),
            message_type=draft.message_type,
            origin="human",
            is_from_me=True,
            status="sent",
            timestamp=now(),
            sent_by=draft.sent_by,
            is_internal=True,
            is_supervisor_message=draft.is_supervisor_message,
            media_url=draft.media_url,
            media_mimetype=draft.media_mimetype,
            media_filename=draft.file_name,
            media_status="stored" if draft.media_url else "none",
            metadata_=orjson.dumps(draft.metadata).decode(),
        )
    )
    await emit(session, pb.ConversationUpdated(conversation_id=target.id, changed=["internalMessages"]))
    return id


async def _answer(db: Database, actor: Actor, message: str, *, is_sent: bool) -> pb.SendMessageResponse:
    error = None
    if is_sent:
        gate.wake()
        error = (await dispatching.outcome(db, message)).error
    async with db.read() as session:
        shown = await threads.shown(session, actor, message)
    if shown.status == "failed":
        raise MessageNotSent(details={"success": False, "message": error or "", "messageId": message})
    if shown.status == "unknown":
        raise OutcomeUnknown(details={"success": False, "message": error or "", "messageId": message})
    answer = orjson.dumps({"key": {"id": shown.message_id, "remoteJid": shown.remote_jid, "fromMe": True}})
    return pb.SendMessageResponse(success=True, message=shown, evolution_response=answer.decode())
