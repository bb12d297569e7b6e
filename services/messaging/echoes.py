"""Evolution repeats what is sent through it as a webhook, sometimes before it answers the call."""

from datetime import timedelta

from services.kit.clock import now
from services.kit.db import Session
from services.messaging import outcomes
from services.messaging.inbound import Message
from services.messaging.outcomes import Proof

RECENT = timedelta(hours=1)

# Without WhatsApp's id there is only the text to go by. Where it fits two sends nobody can tell which it is;
# the answer to one of the calls will, and what is left over is settled then.
CANDIDATES = """
    select s.id from messages m join sends s on s.message_id = m.id
    where m.instance_id = %(instance)s and m.timestamp > %(since)s and m.message_id = 'local:' || m.id
      and m.content = %(content)s and s.state in ('dispatching', 'unknown', 'failed')
      and m.conversation_id in (
          select v.id from contacts c join conversations v on v.contact_id = c.id
          where c.instance_id = %(instance)s and (c.phone_number = any(%(ids)s) or c.lid = any(%(ids)s)))
      and not exists (
          select 1 from messages o where o.instance_id = %(instance)s and o.message_id = %(external)s)
    limit 2 for update of s
"""


async def adopted(session: Session, instance: str, message: Message) -> bool:
    """Whether this is the echo of a send of ours that had no WhatsApp id yet; it has the echo's now."""
    if not message.echo:
        return False
    chat = message.chat
    candidates = await session.all(
        CANDIDATES,
        instance=instance,
        since=now() - RECENT,
        content=message.content,
        external=message.external_id,
        ids=[one for one in (chat.phone_number, chat.lid) if one],
    )
    if len(candidates) != 1:
        return False
    await outcomes.sent(session, candidates[0].id, Proof(message.external_id, chat.jid))
    return True
