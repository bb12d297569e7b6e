"""Mail: written in the transaction that it tells of, sent when that has committed."""

from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

import aiosmtplib
from aiosmtplib.errors import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from protos import identity_pb2 as pb
from services.identity.settings import IdentitySettings, settings
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Unavailable
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.settings import vault
from services.kit.tables import new_id

REMEMBERED = timedelta(days=30)
LOOPBACK = ("127.0.0.1", "::1", "localhost")

WRITE = """
    insert into mails (id, recipient, subject, body, created_at)
    values (%(id)s, %(recipient)s, %(subject)s, %(body)s, %(at)s)
"""
WAITING = "select id, recipient, subject, body, created_at from mails where id = %(id)s and outcome is null"
SETTLE = "update mails set outcome = %(outcome)s, settled_at = %(at)s, body = null where id = %(id)s"
FORGET = "delete from mails where created_at < %(before)s"
SEALED = "select id, body from mails where body is not null for update"
RESEAL = "update mails set body = %(body)s where id = %(id)s"


async def post(session: Session, recipient: str, subject: str, text: str) -> None:
    id = new_id()
    body = vault().seal(_place(id), text)
    await session.run(WRITE, id=id, recipient=recipient, subject=subject, body=body, at=now())
    await emit(session, pb.MailPosted(mail_id=id))


async def deliver(db: Database, event: pb.MailPosted) -> None:
    """Send a letter once, or twice if we die between sending and noting it."""
    async with db.read() as session:
        mail = await session.first(WAITING, id=event.mail_id)
    if mail is None:
        return
    outcome = await _deliver(mail, vault().open(_place(mail.id), mail.body), settings())
    async with db.begin() as session:
        await session.run(SETTLE, id=mail.id, outcome=outcome, at=now())
    log.info("mail_settled", mail_id=mail.id, outcome=outcome)


async def forget(db: Database) -> None:
    """Drop the record of old letters."""
    async with db.begin() as session:
        await session.run(FORGET, before=now() - REMEMBERED)


async def reseal(session: Session) -> None:
    """Seal what waits under the current secret."""
    for mail in await session.all(SEALED):
        body = vault().seal(_place(mail.id), vault().open(_place(mail.id), mail.body))
        await session.run(RESEAL, id=mail.id, body=body)


async def _deliver(mail: Row, text: str, configured: IdentitySettings) -> str:
    if configured.smtp_host:
        return await _send(_letter(mail, text, configured.smtp_from), configured)
    if configured.mail_dir:
        _keep(configured.mail_dir, mail, text)
        return "kept"
    return "unsent"


async def _send(letter: EmailMessage, configured: IdentitySettings) -> str:
    password = configured.smtp_password.get_secret_value()
    guarded = bool(password) and configured.smtp_host not in LOOPBACK
    try:
        await aiosmtplib.send(
            letter,
            hostname=configured.smtp_host,
            port=configured.smtp_port,
            username=configured.smtp_user or None,
            password=password or None,
            use_tls=configured.smtp_port == 465,
            start_tls=True if guarded and configured.smtp_port != 465 else None,
            timeout=20,
        )
    except (SMTPException, OSError) as error:
        if is_final(error):
            return "refused"
        raise Unavailable("The mail server did not take a letter.") from error
    return "sent"


def is_final(error: Exception) -> bool:
    """The server will never take this letter. A password of ours that is wrong can be mended."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(is_final(one) for one in error.recipients)
    if isinstance(error, SMTPResponseException):
        return error.code >= 500 and error.code not in (530, 534, 535, 538)
    return False


def _letter(mail: Row, text: str, sender: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = sender
    letter["To"] = mail.recipient
    letter["Subject"] = mail.subject
    letter["Date"] = formatdate(parse(mail.created_at).timestamp())
    letter["Message-ID"] = f"<{mail.id}@convo-insight>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text)
    return letter


def _keep(folder: Path, mail: Row, text: str) -> None:
    """A file that a person can read, and nobody else of the machine."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{mail.id}.txt"
    with suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)
    path.write_text(f"Para: {mail.recipient}\nAssunto: {mail.subject}\n\n{text}", encoding="utf-8")


def _place(id: str) -> str:
    return f"mails|{id}|body"
