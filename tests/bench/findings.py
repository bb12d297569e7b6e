"""What a part of the bench finds: the lines of its table, and how it stands against the bars."""

from dataclasses import dataclass, field

Table = list[list[str]]


@dataclass(frozen=True)
class Bar:
    what: str
    wanted: str
    measured: str
    is_reached: bool


@dataclass(frozen=True)
class Findings:
    table: Table
    bars: list[Bar] = field(default_factory=list)


def at_least(what: str, measured: float, wanted: float, unit: str) -> Bar:
    return Bar(what, f">= {wanted:g} {unit}", f"{_written(measured)} {unit}", measured >= wanted)


def at_most(what: str, measured: float, wanted: float, unit: str) -> Bar:
    return Bar(what, f"<= {wanted:g} {unit}", f"{_written(measured)} {unit}", measured <= wanted)


def _written(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) or number >= 100 else f"{number:.2f}"
