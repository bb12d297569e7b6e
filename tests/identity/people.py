"""What identity's tests say often: sign up, sign in, act as somebody, call as the door would."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import jwt

from protos import identity_pb2 as pb
from services.identity import logins, registration, renewals
from services.kit import actor as actors
from services.kit.actor import Actor
from services.kit.bus import subject
from services.kit.db import Database, Session

Request = TypeVar("Request")
Reply = TypeVar("Reply")

PASSWORD = "uma senha longa"
ADDRESS = "198.51.100.7"
GATEWAY = actors.service("gateway")


async def register(
    db: Database, email: str = "ana@empresa.com.br", full_name: str = "Ana Souza", **more: Any
) -> pb.RegisterResponse:
    fields = {"password": PASSWORD, "client_address": ADDRESS, **more}
    return await registration.register(
        db, GATEWAY, pb.RegisterRequest(email=email, full_name=full_name, **fields)
    )


async def login(db: Database, email: str = "ana@empresa.com.br", **more: Any) -> pb.LoginResponse:
    fields = {"password": PASSWORD, "client_address": ADDRESS, **more}
    return await logins.login(db, GATEWAY, pb.LoginRequest(email=email, **fields))


async def refresh(db: Database, token: str, *, rotate: bool = False) -> pb.RefreshResponse:
    request = pb.RefreshRequest(refresh_token=token, rotate=rotate, client_address=ADDRESS)
    return await renewals.refresh(db, GATEWAY, request)


async def run(
    db: Database, fn: Callable[[Session, Actor, Request], Awaitable[Reply]], actor: Actor, request: Request
) -> Reply:
    """As `command` does it."""
    async with db.begin() as session:
        return await fn(session, actor, request)


async def emitted(db: Database) -> list[str]:
    """The names of all events so far, in order."""
    async with db.read() as session:
        rows = await session.all("select type from outbox order by id")
    return [subject(row.type).removeprefix("convo.identity.") for row in rows]


async def together(*calls: Awaitable[Any]) -> list[Any]:
    """All at once; refusals are results."""
    return await asyncio.gather(*calls, return_exceptions=True)


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def bearer(token: str) -> Actor:
    """Who a token speaks for, once the gateway has let it in."""
    return Actor(
        id=claims(token)["sub"],
        role=claims(token)["role"],
        service="gateway",
        email=claims(token)["email"],
        session=claims(token)["sid"],
    )
