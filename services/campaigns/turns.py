"""Whose turn it is to take an escalation: rules over plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.campaigns.people import Person

# Who takes which kind of escalation: the first group that has somebody free.
POOLS = {"user": ("agent",), "team": ("agent",), "supervisor": ("supervisor", "admin")}
PRESENCE = ("online", "away")  # those away are asked when nobody is online


@dataclass(frozen=True)
class Turn:
    """The last one in a pool who got something: a place in the order in which people joined."""

    joined_at: str
    id: str


@dataclass(frozen=True)
class Choice:
    assigned_to: str | None
    method: str  # how, or why nobody
    role: str = ""


@dataclass(frozen=True)
class Load:
    """What people have on their hands, and when they last got something."""

    open: Mapping[str, int]
    last_assigned_at: Mapping[str, str]


REASONS = ("no_agents", "no_available_agents", "agents_at_capacity")


def choose(
    team: Sequence[Person],
    escalation_type: str,
    turns: Mapping[str, Turn | None],
    load: Load,
    *,
    method: str,
    capacity: int,
    avoid: str | None,
) -> Choice:
    """Somebody of the first group that has anybody free; otherwise the reason that came closest."""
    choices = []
    for role in POOLS[escalation_type]:
        group = [person for person in team if person.role == role]
        free = [person for person in _present(group) if load.open.get(person.id, 0) < capacity]
        willing = [person for person in free if person.id != avoid] or free
        if willing:
            pick = _least_burdened(willing, load) if method == "least_load" else _next(willing, turns[role])
            return Choice(pick.id, method, role)
        choices.append(_reason(group))
    return Choice(None, max(choices, key=REASONS.index))


def _present(group: Sequence[Person]) -> list[Person]:
    for presence in PRESENCE:
        present = [person for person in group if person.presence == presence]
        if present:
            return present
    return []


def _next(willing: Sequence[Person], last: Turn | None) -> Person:
    """In the order in which they joined, the one after the last; from the start again at the end."""
    ring = sorted(willing, key=lambda person: (person.joined_at, person.id))
    if last is None:
        return ring[0]
    after = [person for person in ring if (person.joined_at, person.id) > (last.joined_at, last.id)]
    return (after or ring)[0]


def _least_burdened(willing: Sequence[Person], load: Load) -> Person:
    return min(
        willing,
        key=lambda one: (
            load.open.get(one.id, 0),
            load.last_assigned_at.get(one.id, ""),
            one.joined_at,
            one.id,
        ),
    )


def _reason(group: Sequence[Person]) -> str:
    if not group:
        return "no_agents"
    return "agents_at_capacity" if _present(group) else "no_available_agents"
