"""Evolution repeats what is sent through it as a webhook, sometimes before it answers the call."""

from services.kit.db import Session
from services.messaging.inbound import Message

ADOPT = """
    update messages m set message_id = %(external)s, remote_jid = %(jid)s
    from sends s
    where s.message_id = m.id and m.id = (
        select m.id from messages m join sends s on s.message_id = m.id
        where m.instance_id = %(instance)s and m.message_id = 'local:' || m.id and m.content = %(content)s
          and s.state in ('dispatching', 'unknown')
          and (m.remote_jid = %(jid)s or m.conversation_id in (
              select v.id from conversations v join contacts c on c.id = v.contact_id
              where c.instance_id = %(instance)s and (c.phone_number = %(phone)s or c.lid = %(lid)s)))
        order by s.claimed_at limit 1 for update of m skip locked
    )
    returning m.id
"""


async def is_ours(session: Session, instance: str, message: Message) -> bool:
    """Whether this is the echo of a send of ours that has no WhatsApp id yet; it gets the echo's."""
    if not message.echo:
        return False
    adopted = await session.scalar(
        ADOPT,
        instance=instance,
        external=message.external_id,
        jid=message.chat.jid,
        content=message.content,
        phone=message.chat.phone_number,
        lid=message.chat.lid,
    )
    return adopted is not None
