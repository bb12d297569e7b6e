"""The keys that sign access tokens: private halves sealed, public halves published as long as they matter."""

import base64
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import StringValue

from services.identity.settings import settings
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Session
from services.kit.settings import vault
from services.kit.tables import new_id

# Whoever verifies tokens asks for an unknown key at most twice a minute: a key is known before it signs.
ANNOUNCED = timedelta(seconds=45)
MARGIN = timedelta(minutes=2)
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)

SIGNING = """
    select id, private_key from signing_keys where signs_from <= %(at)s order by generation desc limit 1
"""
PUBLISHED = """
    select id, public_key from signing_keys
    where retires_at is null or retires_at > %(at)s order by generation desc
"""
ADD = """
    insert into signing_keys (id, generation, public_key, private_key, signs_from, created_at)
    select %(id)s, coalesce(max(generation), 0) + 1, %(public)s, %(private)s, %(from)s, %(at)s
    from signing_keys
"""
RETIRE = "update signing_keys set retires_at = %(at)s where retires_at is null and id <> %(id)s"
SEALED = "select id, private_key from signing_keys"
RESEAL = "update signing_keys set private_key = %(private)s where id = %(id)s"
FORGET = "delete from signing_keys where retires_at < %(at)s"
LOCK = "lock table signing_keys in share row exclusive mode"


async def publish(db: Database) -> str:
    """The public keys, as a JWKS document."""
    async with db.read() as session:
        rows = await session.all(PUBLISHED, at=now())
    return orjson.dumps({"keys": [_public(row.id, row.public_key) for row in rows]}).decode()


async def get_keys(db: Database, actor: Actor, request: Empty) -> StringValue:
    return StringValue(value=await publish(db))


async def sign(session: Session, claims: dict[str, Any]) -> str:
    key = await session.first(SIGNING, at=now())
    assert key, "made at the start"
    headers = {"typ": "at+jwt", "kid": key.id}
    return jwt.encode(claims, _private(key.id, key.private_key), algorithm="EdDSA", headers=headers)


async def ensure(session: Session) -> None:
    """The first key, where there is none yet."""
    await session.run(LOCK)
    if not await session.first(SIGNING, at=now()):
        await _add(session, signs_from=ALWAYS)


async def rotate(session: Session) -> str:
    """A new key that signs once everybody knows it; the others stay until their last token has expired."""
    await session.run(LOCK)
    signs_from = now() + ANNOUNCED
    id = await _add(session, signs_from)
    await session.run(RETIRE, at=signs_from + settings().jwt_expires_in + MARGIN, id=id)
    return id


async def forget(db: Database) -> None:
    """Drop the keys of which no token lives."""
    async with db.begin() as session:
        await session.run(FORGET, at=now())


async def reseal(session: Session) -> None:
    """Seal every private key under the current master secret."""
    for row in await session.all(SEALED):
        if not vault().is_current(row.private_key):
            text = vault().open(_place(row.id), row.private_key)
            await session.run(RESEAL, id=row.id, private=vault().seal(_place(row.id), text))


async def _add(session: Session, signs_from: datetime) -> str:
    key, id = Ed25519PrivateKey.generate(), new_id()
    await session.run(
        ADD,
        **{"id": id, "from": signs_from, "at": now()},
        public=_text(key.public_key().public_bytes_raw()),
        private=vault().seal(_place(id), _text(key.private_bytes_raw())),
    )
    return id


@lru_cache(maxsize=8)
def _private(id: str, sealed: str) -> Ed25519PrivateKey:
    text = vault().open(_place(id), sealed)
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(text + "="))


def _public(id: str, key: str) -> dict[str, str]:
    return {"kid": id, "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "x": key}


def _place(id: str) -> str:
    return f"signing_keys|{id}|private_key"


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
