"""Colleagues, as identity knows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protos import identity_pb2
from services.campaigns import peers

PATIENCE = 3.0


@dataclass(frozen=True)
class Person:
    id: str
    name: str
    email: str
    role: str
    presence: str
    joined_at: str


async def eligible(roles: Sequence[str] = ()) -> list[Person]:
    """Everybody who is active and approved, of these roles or of any."""
    return await _ask(identity_pb2.GetPeopleRequest(roles=roles, eligible=True))


async def eligible_among(ids: Iterable[str]) -> list[Person]:
    wanted = sorted(set(ids))
    return await _ask(identity_pb2.GetPeopleRequest(ids=wanted, eligible=True)) if wanted else []


async def among(ids: Iterable[str]) -> list[Person]:
    """These people, whether or not they still work here."""
    wanted = sorted(set(ids))
    return await _ask(identity_pb2.GetPeopleRequest(ids=wanted)) if wanted else []


async def _ask(request: identity_pb2.GetPeopleRequest) -> list[Person]:
    with peers.in_our_own_name():
        reply = await peers.identity.GetPeople(request, timeout=PATIENCE)
    return [
        Person(
            id=user.id,
            name=user.full_name,
            email=user.email,
            role=user.role,
            presence=user.status,
            joined_at=user.created_at,
        )
        for user in reply.people
    ]
