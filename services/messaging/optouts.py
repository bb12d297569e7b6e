"""Opting out: a customer says a word, is told once, and is left alone until the customer asks otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from protos import messaging_pb2 as pb
from services.kit.clock import now, parse
from services.kit.db import Session
from services.kit.outbox import emit
from services.messaging import queueing
from services.messaging.headers import Header
from services.messaging.inbound import Message
from services.messaging.models import Contact

OUT = {"sair", "parar", "stop", "cancelar"}
IN = {"voltar"}
ANSWERED_WITHIN = timedelta(hours=1)  # somebody who wrote long ago is not told now
GOODBYE = "Pronto, você não vai mais receber nossas mensagens automáticas. Para voltar, responda VOLTAR."
WELCOME = "Pronto, você voltará a receber nossas mensagens. Para parar, responda SAIR."


@dataclass(frozen=True, slots=True)
class Said:
    """A message that came, under our id and at its time, and the conversation that it came to."""

    message: Message
    id: str
    at: str
    header: Header


def wish(content: str) -> bool | None:
    """What the whole message asks for: False to be left alone, True to hear again, None neither."""
    word = content.strip().rstrip(".!").casefold()
    return False if word in OUT else True if word in IN else None


async def hear(session: Session, said: Sequence[Said]) -> None:
    """The latest word counts, whatever order they come in."""
    for one in said:
        message = one.message
        opted_in = wish(message.content) if message.message_type == "text" else None
        if opted_in is not None and not message.from_me and not message.chat.is_group:
            await _follow(session, one, opted_in)


async def _follow(session: Session, said: Said, opted_in: bool) -> None:
    contact = said.header.contact_id
    known = await session.first(
        select(Contact.opt_in, Contact.opt_in_updated_at).where(Contact.id == contact).with_for_update()
    )
    if known is None or (known.opt_in_updated_at or "") >= said.at:
        return
    await session.run(
        update(Contact).where(Contact.id == contact).values(opt_in=opted_in, opt_in_updated_at=said.at)
    )
    if known.opt_in == opted_in:
        return
    event = pb.ContactOptedIn if opted_in else pb.ContactOptedOut
    await emit(session, event(contact_id=contact, instance_id=said.header.instance_id))
    if now() - parse(said.at) < ANSWERED_WITHIN:
        text = WELCOME if opted_in else GOODBYE
        await queueing.say(session, said.header.id, text, key=f"opt-out:{said.id}")
