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
from services.kit.db import Database, Row, Session
from services.kit.tokens import actor

Request = TypeVar("Request")
Reply = TypeVar("Reply")

ANA = "ana@empresa.com.br"
BIA = "bia@empresa.com.br"
PASSWORD = "uma senha longa"
ADDRESS = "198.51.100.7"
GATEWAY = actors.service("gateway")


async def register(
    db: Database, email: str = ANA, full_name: str = "Ana Souza", **more: Any
) -> pb.RegisterResponse:
    fields = {"password": PASSWORD, "client_address": ADDRESS, **more}
    request = pb.RegisterRequest(email=email, full_name=full_name, **fields)
    return await registration.register(db, GATEWAY, request)


async def login(db: Database, email: str = ANA, **more: Any) -> pb.LoginResponse:
    fields = {"password": PASSWORD, "client_address": ADDRESS, **more}
    return await logins.login(db, GATEWAY, pb.LoginRequest(email=email, **fields))


async def refresh(db: Database, token: str, *, rotate: bool = False) -> pb.RefreshResponse:
    request = pb.RefreshRequest(refresh_token=token, rotate=rotate, client_address=ADDRESS)
    return await renewals.refresh(db, GATEWAY, request)


async def admin_and_agent(db: Database) -> tuple[Actor, Actor]:
    """Ana, who came first, and Bia, each signed in."""
    ana = await register(db)
    bia = await register(db, BIA, "Bia Lima")
    return bearer(ana.access_token), bearer(bia.access_token)


async def run(
    db: Database, fn: Callable[[Session, Actor, Request], Awaitable[Reply]], actor: Actor, request: Request
) -> Reply:
    """As `command` does it."""
    async with db.begin() as session:
        return await fn(session, actor, request)


async def rows(db: Database, statement: str, **values: Any) -> list[Row]:
    async with db.read() as session:
        return await session.all(statement, **values)


async def emitted(db: Database) -> list[str]:
    """The names of all events so far, in order."""
    found = await rows(db, "select type from outbox order by id")
    return [subject(row.type).removeprefix("convo.identity.") for row in found]


async def together(*calls: Awaitable[Any]) -> list[Any]:
    """All at once; refusals are results."""
    return await asyncio.gather(*calls, return_exceptions=True)


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def bearer(token: str) -> Actor:
    """Who a token speaks for, once the gateway has let it in."""
    return actor(claims(token), "gateway")
