"""Mail: a letter leaves once its transaction has committed, and a mail server's bad day harms nobody."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from protos import identity_pb2 as pb
from services.identity import mail
from services.kit.db import Database
from services.kit.errors import Unavailable
from services.kit.settings import vault
from tests.fakes import smtp
from tests.fakes.smtp import Mailbox
from tests.identity.people import ANA, rows

SetVariable = Callable[[str, str], None]

TEXT = "Olá, você foi convidado: https://app.empresa.com.br/accept-invite/abc\n"


@pytest.fixture
async def mailbox(set_variable: SetVariable) -> AsyncIterator[Mailbox]:
    async with smtp.listening() as mailbox:
        set_variable("SMTP_HOST", "127.0.0.1")
        set_variable("SMTP_PORT", str(mailbox.port))
        set_variable("SMTP_FROM", "Convo <convo@empresa.com.br>")
        yield mailbox


async def post(db: Database) -> pb.MailPosted:
    async with db.begin() as session:
        await mail.post(session, ANA, "Convite para a equipe", TEXT)
    (row,) = await rows(db, "select body from outbox order by id desc limit 1")
    return pb.MailPosted.FromString(row.body)


async def outcome(db: Database) -> tuple[str | None, str | None]:
    (row,) = await rows(db, "select outcome, body from mails")
    return row.outcome, row.body


async def test_a_letter_arrives_as_it_was_written(db: Database, mailbox: Mailbox) -> None:
    event = await post(db)

    await mail.deliver(db, event)

    (letter,) = mailbox.letters
    assert (letter["To"], letter["Subject"]) == (ANA, "Convite para a equipe")
    assert letter["From"] == "Convo <convo@empresa.com.br>"
    assert letter.get_content_type() == "text/plain"
    assert mailbox.texts() == [TEXT]
    assert await outcome(db) == ("sent", None)


async def test_a_letter_that_was_sent_is_not_sent_again(db: Database, mailbox: Mailbox) -> None:
    event = await post(db)
    await mail.deliver(db, event)

    await mail.deliver(db, event)

    assert len(mailbox.letters) == 1


@pytest.mark.parametrize("fault", ["busy", "cut"])
async def test_a_server_that_cannot_just_now_is_asked_again(
    db: Database, mailbox: Mailbox, fault: smtp.Fault
) -> None:
    event = await post(db)
    mailbox.faults.append(fault)

    with pytest.raises(Unavailable):
        await mail.deliver(db, event)
    await mail.deliver(db, event)

    assert len(mailbox.letters) == 1
    assert await outcome(db) == ("sent", None)


async def test_a_letter_whose_receipt_was_lost_comes_again_and_can_be_told(
    db: Database, mailbox: Mailbox
) -> None:
    event = await post(db)
    mailbox.faults.append("lost")

    with pytest.raises(Unavailable):
        await mail.deliver(db, event)
    await mail.deliver(db, event)

    first, second = mailbox.letters
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize("fault", ["unknown", "full"])
async def test_a_letter_that_nobody_takes_is_given_up(
    db: Database, mailbox: Mailbox, fault: smtp.Fault
) -> None:
    event = await post(db)
    mailbox.faults.append(fault)

    await mail.deliver(db, event)

    assert not mailbox.letters
    assert await outcome(db) == ("refused", None)


async def test_no_server_at_all_is_asked_again(db: Database, set_variable: SetVariable) -> None:
    set_variable("SMTP_HOST", "127.0.0.1")
    set_variable("SMTP_PORT", "9")

    with pytest.raises(Unavailable):
        await mail.deliver(db, await post(db))

    assert (await outcome(db))[0] is None


async def test_a_server_that_wants_a_password_gets_it(db: Database, set_variable: SetVariable) -> None:
    async with smtp.listening("convo", "a senha do correio") as mailbox:
        set_variable("SMTP_HOST", "127.0.0.1")
        set_variable("SMTP_PORT", str(mailbox.port))
        set_variable("SMTP_USER", "convo")
        set_variable("SMTP_PASSWORD", "errada")
        event = await post(db)

        with pytest.raises(Unavailable):
            await mail.deliver(db, event)
        set_variable("SMTP_PASSWORD", "a senha do correio")
        await mail.deliver(db, event)

    assert len(mailbox.letters) == 1


async def test_without_a_server_letters_are_kept_as_files(
    db: Database, set_variable: SetVariable, tmp_path: Path
) -> None:
    set_variable("MAIL_DIR", str(tmp_path / "mail"))

    await mail.deliver(db, await post(db))

    (file,) = (tmp_path / "mail").iterdir()
    assert file.read_text() == f"Para: {ANA}\nAssunto: Convite para a equipe\n\n{TEXT}"
    assert file.stat().st_mode & 0o077 == 0
    assert await outcome(db) == ("kept", None)


async def test_without_server_and_folder_a_letter_is_dropped(db: Database) -> None:
    await mail.deliver(db, await post(db))

    assert await outcome(db) == ("unsent", None)


async def test_a_letter_that_waits_cannot_be_read_in_the_database(db: Database) -> None:
    await post(db)

    body = (await outcome(db))[1]

    assert body
    assert "accept-invite" not in body


async def test_a_letter_sealed_under_the_last_secret_still_leaves(
    db: Database, mailbox: Mailbox, set_variable: SetVariable
) -> None:
    event = await post(db)
    set_variable("JWT_SECRET_PREVIOUS", vault().secret)
    set_variable("JWT_SECRET", "another secret, just as long as that")

    await mail.deliver(db, event)

    assert mailbox.texts() == [TEXT]
