"""Whose turn it is: the rules, without a database."""

from collections import Counter

import pytest

from services.campaigns.people import Person
from services.campaigns.turns import POOLS, Choice, Load, Turn, choose

NOBODY_BUSY = Load({}, {})


def person(id: str, role: str = "agent", presence: str = "online", joined: int | None = None) -> Person:
    number = ord(id) - ord("a") if joined is None else joined
    return Person(
        id, id.upper(), f"{id}@empresa.com.br", role, presence, f"2026-01-01T00:00:{number:02d}.000Z"
    )


def turn(one: Person) -> Turn:
    return Turn(one.joined_at, one.id)


def pick(
    team: list[Person],
    last: Turn | None = None,
    *,
    load: Load = NOBODY_BUSY,
    kind: str = "user",
    method: str = "round_robin",
    capacity: int = 5,
    avoid: str | None = None,
) -> Choice:
    turns = dict.fromkeys(POOLS[kind], last)
    return choose(team, kind, turns, load, method=method, capacity=capacity, avoid=avoid)


def test_the_circle_is_the_order_in_which_people_joined() -> None:
    team = [person("c"), person("a"), person("b")]

    last, order = None, []
    for _ in range(7):
        choice = pick(team, last)
        order.append(choice.assigned_to)
        last = turn(next(one for one in team if one.id == choice.assigned_to))

    assert "".join(str(one) for one in order) == "abcabca"


def test_the_circle_goes_on_where_it_was_when_the_last_one_is_gone() -> None:
    team = [person("a"), person("c")]

    assert pick(team, turn(person("b"))).assigned_to == "c"
    assert pick(team, turn(person("z", joined=25))).assigned_to == "a"


def test_who_is_skipped_does_not_send_the_circle_back_to_its_start() -> None:
    team = [person("a"), person("b", presence="busy"), person("c"), person("d")]

    assert pick(team, turn(person("b"))).assigned_to == "c"


def test_those_away_are_asked_only_when_nobody_is_online() -> None:
    team = [person("a", presence="away"), person("b"), person("c", presence="offline")]

    assert pick(team).assigned_to == "b"
    assert pick(team[:1]).assigned_to == "a"
    assert pick(team[2:]) == Choice(None, "no_available_agents")


def test_who_is_full_gets_no_more() -> None:
    team = [person("a"), person("b")]

    assert pick(team, load=Load({"a": 5, "b": 4}, {})).assigned_to == "b"
    assert pick(team, load=Load({"a": 5, "b": 5}, {})) == Choice(None, "agents_at_capacity")


def test_the_one_who_had_it_before_is_avoided_while_there_is_somebody_else() -> None:
    team = [person("a"), person("b")]

    assert pick(team, avoid="a").assigned_to == "b"
    assert pick(team[:1], avoid="a").assigned_to == "a"


def test_the_least_burdened_is_the_one_who_has_waited_longest() -> None:
    team = [person("a"), person("b"), person("c")]
    load = Load({"a": 1, "b": 0, "c": 0}, {"b": "2026-01-02T00:00:00.000Z", "c": "2026-01-01T00:00:00.000Z"})

    assert pick(team, load=load, method="least_load") == Choice("c", "least_load", "agent")


def test_supervisors_are_asked_before_administrators() -> None:
    team = [person("a", "admin"), person("s", "supervisor"), person("g")]

    assert pick(team, kind="supervisor").assigned_to == "s"
    assert pick(team, kind="supervisor", load=Load({"s": 5}, {})).assigned_to == "a"
    assert pick([person("g")], kind="supervisor") == Choice(None, "no_agents")


@pytest.mark.parametrize(
    ("kind", "role"), [("user", "agent"), ("team", "agent"), ("supervisor", "supervisor")]
)
def test_each_kind_has_its_pool(kind: str, role: str) -> None:
    assert pick([person("x", role)], kind=kind).role == role


def test_the_reason_that_came_closest_is_told() -> None:
    team = [person("s", "supervisor", "offline"), person("a", "admin")]

    assert pick(team, kind="supervisor", load=Load({"a": 9}, {})).method == "agents_at_capacity"


def test_a_long_time_is_fair_to_everybody() -> None:
    team = [person(letter) for letter in "abcde"]
    last, counts = None, Counter[str]()
    for _ in range(503):
        chosen = str(pick(team, last).assigned_to)
        counts[chosen] += 1
        last = turn(person(chosen))

    assert max(counts.values()) - min(counts.values()) <= 1
