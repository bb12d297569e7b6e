"""Who is meant: the WhatsApp ids of every version, sorted into phones, privacy ids (lid) and groups."""

from typing import Any

from services.messaging import phones
from services.messaging.evolution.values import text
from services.messaging.inbound import Chat, Participant

PHONE_SERVERS = {"s.whatsapp.net", "c.us", "hosted"}
LID_SERVERS = {"lid", "hosted.lid"}
WHATSAPP_ITSELF = "0"
LONGEST_PHONE = 17  # Evolution takes 18 digits and more for a group


def bare(jid: str) -> str:
    """Drop the device (`55…:7@s.whatsapp.net`); name the server where a caller's bare digits came back."""
    local, at, server = jid.partition("@")
    if at:
        return f"{local.partition(':')[0]}@{server}"
    digits = phones.NOT_DIGITS.sub("", local)
    return f"{local}@g.us" if len(digits) > LONGEST_PHONE else f"{digits}@s.whatsapp.net"


def phone(jid: str | None) -> str | None:
    local, _, server = bare(jid).partition("@") if jid else ("", "", "")
    if server in PHONE_SERVERS and local.isascii() and local.isdigit() and local != WHATSAPP_ITSELF:
        return phones.canonical(local)
    return None


def lid(jid: str | None) -> str | None:
    """A lid is all digits too, but never a phone."""
    local, _, server = bare(jid).partition("@") if jid else ("", "", "")
    return f"{local}@lid" if server in LID_SERVERS and local else None


def chat(key: dict[str, Any], data: dict[str, Any]) -> Chat | None:
    """The chat of a message key, or None for what is no conversation (status, broadcast, newsletter, bot)."""
    remote = text(key.get("remoteJid"))
    if remote is None:
        return None
    jid = bare(remote)
    server = jid.partition("@")[2]
    if server == "g.us":
        return Chat(jid=jid, group=jid)
    own = phone(jid)
    if own is None and server not in LID_SERVERS:
        return None
    alternative, previous = text(key.get("remoteJidAlt")), text(key.get("previousRemoteJid"))
    sender_phone, sender_lid = senders(key, data)
    return Chat(
        jid=jid,
        phone=phone(alternative) or sender_phone or own,
        lid=lid(jid) or lid(alternative) or lid(previous) or sender_lid,
    )


def senders(key: dict[str, Any], data: dict[str, Any]) -> tuple[str | None, str | None]:
    """The sender's phone and lid, where 2.3.0 to 2.3.4 tell them; in our own messages they are ours."""
    if key.get("fromMe"):
        return None, None
    return phone(text(key.get("senderPn")) or text(data.get("senderPn"))), lid(text(key.get("senderLid")))


def participant(key: dict[str, Any], data: dict[str, Any]) -> Participant | None:
    """Who spoke in a group. Since 2.3.5 the field is there in other chats too, and empty."""
    member = text(key.get("participant")) or text(data.get("participant"))
    if member is None:
        return None
    alternative = text(key.get("participantAlt")) or text(key.get("participantPn"))
    jid = bare(member)
    return Participant(
        jid=jid,
        phone=phone(alternative) or phone(jid),
        lid=lid(jid) or lid(alternative) or lid(text(key.get("participantLid"))),
    )
