"""One message in Evolution's JSON, from a webhook, the history or a search, turned into what it means."""

from typing import Any

from services.messaging.evolution import chats, contents
from services.messaging.evolution.values import elements, fields, integer, moment, text
from services.messaging.inbound import Chat, Deletion, Edit, Ignored, Item, Malformed, Message, Reaction

STATUSES = {
    "ERROR": "failed",
    "FAILED": "failed",
    "PENDING": "sending",
    "SERVER_ACK": "sent",
    "SENT": "sent",
    "ON_SERVER": "sent",
    "DELIVERY_ACK": "delivered",
    "DELIVERED": "delivered",
    "RECEIVED": "delivered",
    "READ": "read",
    "PLAYED": "read",
}
STATUS_NUMBERS = ("ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED")
NOT_NAMES = {"você", "voce", "you", "me", "eu", "unknown"}
LONGEST_ID = 255
EDITS = {"MESSAGE_EDIT", "14"}
REVOKES = {"REVOKE", "0"}


def message(data: dict[str, Any], *, echo: bool = False) -> Item:
    """One message of any direction; an edit, a deletion or a reaction in its clothes becomes that."""
    key = fields(data.get("key"))
    chat = chats.chat(key, data)
    if chat is None:
        return Ignored("no_conversation")
    body = fields(data.get("message"))
    found = contents.core(body, text(data.get("messageType")))
    if found is None:
        return Ignored("no_content")
    external_id = text(key.get("id"))
    if external_id is None:
        raise Malformed("message_without_id")
    if max(len(external_id), len(chat.jid)) > LONGEST_ID:
        raise Malformed("id_too_long")
    if found.name == "protocolMessage":
        return protocol(fields(found.node), external_id)
    if found.name == "reactionMessage":
        return reaction(data, fields(found.node), chat, external_id)
    content = contents.read(found, body)
    if not content.text:
        return Ignored("no_content")
    if "editedMessage" in found.wrappers:
        return Edit(external_id, content.text, moment(data.get("messageTimestamp")))
    return assembled(data, chat, external_id, content, found, echo=echo)


def assembled(
    data: dict[str, Any],
    chat: Chat,
    external_id: str,
    content: contents.Content,
    found: contents.Core,
    *,
    echo: bool,
) -> Message:
    key = fields(data.get("key"))
    from_me = key.get("fromMe") is True
    context = fields(data.get("contextInfo")) or fields(fields(found.node).get("contextInfo"))
    metadata = content.metadata
    if context:
        metadata.update(contents.context_details(context))
    return Message(
        external_id=external_id,
        chat=chat,
        from_me=from_me,
        message_type=content.message_type,
        content=content.text,
        status=message_status(data, from_me=from_me),
        sent_at=moment(data.get("messageTimestamp")),
        push_name=None if from_me else person_name(data.get("pushName")),
        participant=chats.participant(key, data) if chat.group else None,
        quoted_id=text(context.get("stanzaId")),
        media=content.media,
        transcription=content.transcription,
        metadata=metadata,
        source=text(data.get("source")),
        echo=echo,
    )


def message_status(data: dict[str, Any], *, from_me: bool) -> str:
    """Inbound is `received` until it is read; outbound that we hear of was sent at least."""
    words = [data.get("status")] + [fields(one).get("status") for one in elements(data.get("MessageUpdate"))]
    known = {STATUSES.get(status_word(word, 0)) for word in words}
    if not from_me:
        return "read" if "read" in known else "received"
    return next((status for status in ("read", "delivered", "sent", "failed") if status in known), "sent")


def person_name(value: object) -> str | None:
    """Digits, addresses and "Você" are no names."""
    name = (text(value) or "").strip()
    if not any(character.isalpha() for character in name) or "@" in name or name.casefold() in NOT_NAMES:
        return None
    return name


def reaction(data: dict[str, Any], node: dict[str, Any], chat: Chat, external_id: str) -> Item:
    target = text(fields(node.get("key")).get("id"))
    if target is None:
        raise Malformed("reaction_without_target")
    from_me = fields(data.get("key")).get("fromMe") is True
    return Reaction(
        external_id=external_id,
        target_id=target,
        emoji=text(node.get("text")) or "",
        chat=chat,
        from_me=from_me,
        reactor_jid=None if from_me else reactor(data, chat),
        reacted_at=moment(node.get("senderTimestampMs")) or moment(data.get("messageTimestamp")),
    )


def reactor(data: dict[str, Any], chat: Chat) -> str:
    member = chats.participant(fields(data.get("key")), data) if chat.group else None
    phone, lid, jid = (member.phone, member.lid, member.jid) if member else (chat.phone, chat.lid, chat.jid)
    return f"{phone}@s.whatsapp.net" if phone else lid or jid


def protocol(node: dict[str, Any], own_id: str | None) -> Item:
    kind = str(node.get("type"))
    target = text(fields(node.get("key")).get("id")) or own_id
    if kind in REVOKES and target:
        return Deletion(target)
    content = edited_content(node.get("editedMessage"))
    if kind in EDITS and target and content is not None:
        return Edit(target, content, moment(node.get("timestampMs")))
    return Ignored("protocol_message")


def edited_content(value: object) -> str | None:
    body = fields(fields(value).get("message")) or fields(value)
    found = contents.core(body)
    if found is None or found.name in contents.CONTROL:
        return None
    return contents.read(found, body).text or None


def status_word(value: object, first: int) -> str:
    """Numbers follow the protocol's enum under `status`, and an older scale, shifted by one, under `ack`."""
    position = integer(value)
    if position is None:
        return value.upper() if isinstance(value, str) else ""
    position -= first
    return STATUS_NUMBERS[position] if 0 <= position < len(STATUS_NUMBERS) else ""
