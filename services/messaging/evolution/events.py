"""Evolution's webhooks, versions 1.8 to 2.4. Pure: bytes in, our own values out."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.messaging.evolution import chats, records
from services.messaging.evolution.values import decoded, elements, fields, integer, text
from services.messaging.inbound import (
    Chat,
    ConnectionUpdate,
    ContactUpdate,
    Deletion,
    Edit,
    Envelope,
    GroupUpdate,
    History,
    Ignored,
    Item,
    Malformed,
    Media,
    Message,
    QrCode,
    StatusUpdate,
)

ACK_NUMBERS_START = -1  # the older scale counts the same words from -1
LARGE = 64 * 1024
FILE = b'"base64":"'
EARLIEST_YEAR = 2000
CONNECTIONS = {"open": "connected", "connected": "connected", "connecting": "connecting"}


def parse(body: bytes, path_event: str = "") -> Envelope:
    """`path_event` is what "webhook by events" appends to the URL: it counts where the body does not say."""
    if len(body) < LARGE:
        return read(loaded(body), path_event)
    body, file = without_file(body)
    return with_file(read(loaded(body), path_event), file)


def loaded(body: bytes) -> Any:
    try:
        return decoded(body)
    except ValueError as error:
        raise Malformed("not_json") from error


def without_file(body: bytes) -> tuple[bytes, str | None]:
    """Cut the file out unread: JSON parsers need half a second for 50 MB, and hold everybody up meanwhile."""
    start = body.find(FILE) + len(FILE)
    if body.count(FILE) != 1:
        return body, None
    end = body.find(b'"', start)
    return body[:start] + body[end:], str(body[start:end], "ascii", "replace")


def with_file(envelope: Envelope, file: str | None) -> Envelope:
    match envelope.items:
        case (Message(media=Media() as media) as message,) if file:
            return replace(envelope, items=(replace(message, media=replace(media, base64=file)),))
        case _:
            return envelope


def read(envelope: Any, path_event: str) -> Envelope:
    if not isinstance(envelope, dict):
        raise Malformed("not_an_object")
    event = normalised(text(envelope.get("event")) or path_event)
    if not event:
        raise Malformed("no_event")
    instance = text(envelope.get("instance")) or ""
    data = envelope.get("data")
    external_id = text(data.get("instanceId")) if isinstance(data, dict) else None
    told_at = wall_clock(envelope.get("date_time"))
    reader = reader_of(event)
    if reader is None:
        return Envelope(event, instance, external_id, (Ignored(event),), told_at)
    if not instance:
        raise Malformed("no_instance")
    try:
        return Envelope(event, instance, external_id, reader(data, envelope), told_at)
    except Malformed as error:
        raise Malformed(error.reason, instance) from error


def wall_clock(value: object) -> datetime | None:
    """Local time with a literal Z. It is the same in every retry, so it tells what came first over there."""
    try:
        moment = datetime.fromisoformat((text(value) or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo and moment.year > EARLIEST_YEAR else None


def normalised(event: str) -> str:
    return event.lower().replace("_", ".").replace("-", ".")


def reader_of(event: str) -> Callable[[Any, dict[str, Any]], tuple[Item, ...]] | None:
    if event in EVENTS:
        return EVENTS[event]
    about_messages = event.startswith(("message.", "messages."))
    return statuses if about_messages and event.endswith((".ack", ".delivery", ".status")) else None


def each(read: Callable[[dict[str, Any]], Iterable[Item]], data: Any) -> tuple[Item, ...]:
    """One unreadable element costs only itself; a body in which nothing can be read is malformed."""
    items: list[Item] = []
    failure: Malformed | None = None
    read_something = False
    for element in elements(data):
        try:
            if not isinstance(element, dict):
                raise Malformed("element_not_an_object")
            items.extend(read(element))
            read_something = True
        except Malformed as error:
            failure = error
            items.append(Ignored(error.reason))
    if failure and not read_something:
        raise failure
    return tuple(items) or (Ignored("empty"),)


def messages(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    return each(lambda element: [records.message(element)], data)


def echoes(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    return each(lambda element: [records.message(element, echo=True)], data)


def history(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    items = each(lambda element: [records.message(element)], data) if data else ()
    found = tuple(item for item in items if isinstance(item, Message))
    latest = envelope.get("isLatest")
    return (History(found, latest if isinstance(latest, bool) else None),)


def edits(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    """`messages.edited` is every protocol message. Its `key` is the editor's view: only the id counts."""
    return each(lambda element: [records.protocol(element, None)], data)


def statuses(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    return each(lambda element: [status(element)], data)


def status(data: dict[str, Any]) -> Item:
    """2.3.7 puts edits here, with a status that means nothing; older ones call DELETED what is not."""
    update = fields(data.get("update"))
    key = fields(data.get("key")) or fields(data.get("id")) or data
    ids = (data.get("keyId"), key.get("id"), data.get("messageId"), data.get("id"))
    external_ids = tuple(dict.fromkeys(one for one in ids if isinstance(one, str) and one))
    if not external_ids:
        raise Malformed("status_without_id")
    edited = records.edited_content(fields(data.get("message") or update.get("message")).get("editedMessage"))
    if edited is not None:
        return Edit(external_ids[0], edited)
    word = status_of({**data, **update})
    if word not in records.STATUSES:
        return Ignored("deletion_not_confirmed" if word == "DELETED" else "status_unknown")
    return StatusUpdate(
        external_ids=external_ids,
        status=records.STATUSES[word],
        from_me=key.get("fromMe", data.get("fromMe")) is True,
        played=word == "PLAYED",
        rejected=word == "FAILED",
        chat=chats.chat({**data, **key}, data),
        participant=chats.participant(key, data),
    )


def status_of(data: dict[str, Any]) -> str:
    if data.get("status") is not None:
        return records.status_word(data["status"], 0)
    return records.status_word(data.get("ack"), ACK_NUMBERS_START)


def deletions(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    return each(lambda element: [deletion(element)], data)


def deletion(data: dict[str, Any]) -> Item:
    """Beside a `key`, `id` is a row of Evolution's; without one it is the message."""
    target = text(fields(data.get("key")).get("id")) or text(data.get("id"))
    if target is None:
        raise Malformed("deletion_without_id")
    return Deletion(target)


def connections(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    return each(lambda element: [connection(element)], data)


def connection(data: dict[str, Any]) -> ConnectionUpdate:
    """`open` is not proof of life, but anything that is neither open nor opening is an end."""
    state = (text(data.get("state")) or text(data.get("status")) or "").lower()
    reason = data.get("statusReason", data.get("disconnectionReasonCode"))
    return ConnectionUpdate(
        status=CONNECTIONS.get(state, "disconnected"),
        state=state,
        reason=integer(reason),
        phone=chats.phone(text(data.get("wuid"))),
        profile_name=text(data.get("profileName")),
        profile_picture_url=text(data.get("profilePictureUrl")),
    )


def disconnected(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    return (ConnectionUpdate(status="disconnected", state="close"),)


def qr_codes(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    """Without a code it only says that the limit of codes is reached; `connection.update` says the rest."""
    code = fields(fields(data).get("qrcode"))
    found = QrCode(text(code.get("base64")), text(code.get("code")), text(code.get("pairingCode")))
    return (found,) if found.base64 or found.code or found.pairing_code else (Ignored("no_qr_code"),)


def contacts(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    return each(lambda element: [contact(element)], data)


def contact(data: dict[str, Any]) -> Item:
    """A group comes as a contact with the last speaker's name: only its picture is its own."""
    chat = chats.chat(data, data)
    if chat is None:
        return Ignored("no_conversation")
    name = None if chat.group else records.person_name(data.get("pushName"))
    picture = text(data.get("profilePicUrl")) or text(data.get("profilePictureUrl"))
    return ContactUpdate(chat, name, picture) if name or picture else Ignored("nothing_new")


def groups(data: Any, envelope: dict[str, Any]) -> tuple[Item, ...]:
    return each(lambda element: [group(element)], data)


def group(data: dict[str, Any]) -> Item:
    jid, subject = text(data.get("id")), text(data.get("subject"))
    if jid is None or not jid.endswith("@g.us") or subject is None:
        return Ignored("no_subject")
    return GroupUpdate(Chat(jid=jid, group=jid), subject, text(data.get("pictureUrl")))


EVENTS: dict[str, Callable[[Any, dict[str, Any]], tuple[Item, ...]]] = {
    "messages.upsert": messages,
    "send.message": echoes,
    "messages.set": history,
    "messages.update": statuses,
    "message.update": statuses,
    "messages.edited": edits,
    "send.message.update": edits,
    "messages.delete": deletions,
    "connection.update": connections,
    "status.instance": connections,
    "logout.instance": disconnected,
    "remove.instance": disconnected,
    "qrcode.updated": qr_codes,
    "contacts.upsert": contacts,
    "contacts.update": contacts,
    "groups.upsert": groups,
    "groups.update": groups,
}
