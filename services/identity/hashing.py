"""The hashes of passwords: bcrypt in a few threads, with room for so many and no more."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import bcrypt

from services.kit.errors import Invalid, Unavailable

Result = TypeVar("Result")

COST = 10
SHORTEST = 6
LONGEST = 72  # octets; bcrypt sees no further
ROOM = 60  # at 60 ms each the last one in waits 4 s on one core
# What unknown accounts are checked against.
NOBODYS = "$2b$10$GQ4b6eLyon1XY4tvO8dGXuq5YN2aACiq7VyA8vDumr7LkYv9rRCTW"

THREADS = max(1, (os.cpu_count() or 2) - 1)

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bcrypt")
_turns = asyncio.Semaphore(THREADS)
_room = asyncio.Semaphore(ROOM)


class PasswordTooShort(Invalid):
    """Password must be at least 6 characters"""

    code = "validation_error"


class PasswordTooLong(Invalid):
    """Password must be at most 72 bytes"""

    code = "validation_error"


class Busy(Unavailable):
    """Too many people are signing in at once. Try again in a moment."""


def check(password: str, field: str = "password") -> None:
    """Refuse a password that nobody may have."""
    if len(password) < SHORTEST:
        raise PasswordTooShort(fields={field: "must be at least 6 characters"})
    check_length(password, field)


def check_length(password: str, field: str = "password") -> None:
    if len(password.encode()) > LONGEST:
        raise PasswordTooLong(fields={field: "must be at most 72 bytes"})


@asynccontextmanager
async def turn() -> AsyncIterator[None]:
    """A place in the queue and then a thread, or the refusal where too many wait."""
    if _room.locked():
        raise Busy(retry_after=2)
    async with _room, _turns:
        yield


async def hashed(password: str) -> str:
    async with turn():
        return (await _work(bcrypt.hashpw, password.encode(), bcrypt.gensalt(COST))).decode()


async def matches(password: str, hash: str | None) -> bool:
    """The same work whether or not there is an account to compare with. Whoever asks has taken a turn."""
    same = await _work(bcrypt.checkpw, password.encode(), (hash or NOBODYS).encode())
    return same and hash is not None


async def _work(fn: Callable[..., Result], *arguments: bytes) -> Result:
    return await asyncio.get_running_loop().run_in_executor(_threads, fn, *arguments)
