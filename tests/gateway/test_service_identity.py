"""Every RPC of every service refuses whoever is not known, and every database role keeps to its schema."""

import base64
import importlib
import time
from collections.abc import Iterator
from typing import Any

import grpc
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from services.kit import migrate
from tests.gateway.house import SERVICES, House, is_there

Metadata = tuple[tuple[str, str], ...]


def rpcs(house: House, name: str) -> list[MethodDescriptor]:
    """Those that are in the service's table; the others answer UNIMPLEMENTED to everybody."""
    [service] = importlib.import_module(f"protos.{name}_pb2").DESCRIPTOR.services_by_name.values()
    return [rpc for rpc in service.methods if rpc.name in vars(house.services[name].door)]


def allowed(house: House, name: str, rpc: MethodDescriptor) -> tuple[str, ...]:
    """The services that may call it; the gateway, where the table says nothing else."""
    callers: tuple[str, ...] = getattr(house.services[name].door, rpc.name).callers
    return callers


async def code_of(house: House, name: str, rpc: MethodDescriptor, metadata: Metadata) -> str:
    """The status that a call with nothing in its request ends with."""
    path = f"/{rpc.containing_service.full_name}/{rpc.name}"
    request, reply = GetMessageClass(rpc.input_type), GetMessageClass(rpc.output_type)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{house.ports[name]}") as channel:
        kind: Any = channel.unary_stream if rpc.server_streaming else channel.unary_unary
        call = kind(path, request.SerializeToString, reply.FromString)
        try:
            if rpc.server_streaming:
                async for _ in call(request(), metadata=metadata, timeout=10):
                    break
            else:
                await call(request(), metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
    return "OK"


def minted(house: House, signer: str, audience: str, *, expires_in: float = 60, **more: Any) -> str:
    """A service's token, or what pretends to be one."""
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(house.private[signer]))
    claims = {"iss": signer, "aud": audience, "exp": int(time.time() + expires_in), **more}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": "service+jwt"})


def strangers(house: House, name: str, caller: str) -> Iterator[tuple[str, Metadata]]:
    """Who is not known here, and why. `caller` may call, if only its token were right."""
    other = next(one for one in SERVICES if one != name)
    yield "nobody", ()
    yield "an empty token", (("x-caller", ""),)
    yield "no token at all", (("x-caller", "gateway"),)
    yield "somebody without a key here", (("x-caller", minted(house, "stranger", name)),)
    yield "somebody who says to be another", (("x-caller", minted(house, "stranger", name, iss=caller)),)
    yield "a token for somebody else", (("x-caller", minted(house, caller, other)),)
    yield "a token for nobody", (("x-caller", minted(house, caller, name, aud=None)),)
    yield "an expired token", (("x-caller", minted(house, caller, name, expires_in=-5)),)
    yield "a token without an end", (("x-caller", minted(house, caller, name, exp=None)),)
    unsigned = jwt.encode({"iss": caller, "aud": name, "exp": time.time() + 60}, "", "none")
    yield "an unsigned token", (("x-caller", unsigned),)
    good = ("x-caller", minted(house, caller, name))
    yield "a person's token that is none", (good, ("authorization", "not.a.token"))
    forged = minted(house, caller, "convo-insight-api", sub="x", sid="x", role="admin", iat=int(time.time()))
    yield "a service's token as a person's", (good, ("authorization", forged))


@pytest.mark.parametrize("name", [*filter(is_there, SERVICES)])
async def test_every_rpc_refuses_strangers(house: House, name: str) -> None:
    answers = {}
    for rpc in rpcs(house, name):
        for why, metadata in strangers(house, name, allowed(house, name, rpc)[0]):
            answers[rpc.name, why] = await code_of(house, name, rpc, metadata)

    assert {key: code for key, code in answers.items() if code != "UNAUTHENTICATED"} == {}


@pytest.mark.parametrize("name", [*filter(is_there, SERVICES)])
async def test_every_rpc_refuses_services_that_its_table_does_not_name(house: House, name: str) -> None:
    answers = {}
    for rpc in rpcs(house, name):
        for caller in {*SERVICES, "gateway"} - {*allowed(house, name, rpc)}:
            metadata = (("x-caller", minted(house, caller, name)),)
            answers[rpc.name, caller] = await code_of(house, name, rpc, metadata)

    assert {key: code for key, code in answers.items() if code != "UNAUTHENTICATED"} == {}


@pytest.mark.parametrize("name", [*filter(is_there, SERVICES)])
async def test_the_right_caller_is_let_in(house: House, name: str) -> None:
    """The control: what is refused above is refused for what it lacks."""
    codes = set()
    for rpc in rpcs(house, name)[:3]:
        metadata = (("x-caller", minted(house, allowed(house, name, rpc)[0], name)),)
        codes.add(await code_of(house, name, rpc, metadata))

    assert codes != {"UNAUTHENTICATED"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_services_role_sees_its_own_schema_only(house: House, name: str) -> None:
    with psycopg.connect(house.urls[name], autocommit=True) as connection:
        assert connection.execute(f"select count(*) from {name}.outbox").fetchone()
        for other in {*SERVICES} - {name}:
            for statement in (
                f"select * from {other}.outbox",
                f"insert into {other}.leases values ('x', 'x', now())",
                f"create table {other}.mine (x int)",
                f"set role convo_{other}",
                f"drop schema {other} cascade",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


@pytest.mark.parametrize("name", SERVICES)
def test_a_services_role_can_do_nothing_to_the_server(house: House, name: str) -> None:
    with psycopg.connect(house.urls[name], autocommit=True) as connection:
        for statement in (
            "create table public.mine (x int)",
            "create role mine",
            "create database mine",
            "select * from pg_authid",
            "copy (select 1) to '/tmp/mine'",
            "copy (select 1) to program 'true'",
            "alter system set fsync = off",
            "select pg_read_file('/etc/passwd')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_passwords_differ_by_service_and_by_secret() -> None:
    made = [*migrate.passwords("one").values(), *migrate.passwords("another").values()]

    assert len({*made}) == 2 * len(SERVICES)
