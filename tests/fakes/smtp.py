"""A small mail server that speaks SMTP, keeps what it takes, and misbehaves on demand."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

# unknown: 550 for the recipient; busy: 451 for the letter; full: 552 for the letter;
# cut: the connection ends instead of an answer; lost: the letter is taken and the connection ends.
Fault = Literal["unknown", "busy", "full", "cut", "lost"]


class Mailbox:
    """What arrived, and what is to go wrong next."""

    def __init__(self) -> None:
        self.port = 0
        self.letters: list[EmailMessage] = []
        self.faults: deque[Fault] = deque()
        self.logins: list[str] = []

    def texts(self) -> list[str]:
        return [str(letter.get_content()).replace("\r\n", "\n") for letter in self.letters]

    async def handle_RCPT(
        self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        if self._next("unknown"):
            return "550 5.1.1 No such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:
        if self._next("busy"):
            return "451 4.3.0 Try again later"
        if self._next("full"):
            return "552 5.2.2 The mailbox is full"
        if self._next("cut"):
            return _cut(server)
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return _cut(server) if self._next("lost") else "250 OK"

    def _next(self, fault: Fault) -> bool:
        if self.faults and self.faults[0] == fault:
            self.faults.popleft()
            return True
        return False


def _cut(server: SMTP) -> str:
    assert server.transport
    server.transport.abort()  # type: ignore[attr-defined]
    return "421 4.3.0 Gone"


@asynccontextmanager
async def listening(user: str = "", password: str = "") -> AsyncIterator[Mailbox]:
    """A server on a free port of loopback; with a user, it takes letters from that one only."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()

    def admit(*parts: Any) -> AuthResult:
        given = parts[-1]
        assert isinstance(given, LoginPassword)
        mailbox.logins.append(given.login.decode())
        good = (given.login, given.password) == (user.encode(), password.encode())
        return AuthResult(success=good, handled=False)

    def connection() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.local",
            loop=loop,
            authenticator=admit if user else None,
            auth_required=bool(user),
            auth_require_tls=False,
        )

    server = await loop.create_server(connection, "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()
