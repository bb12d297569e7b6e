"""Every run of `make torture`: its long form, and the control that must not come out clean."""

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from tests.bench.office import opened as office
from tests.faults import (
    campaigning,
    dependencies,
    ordering,
    poisoning,
    publishing,
    rebuilding,
    rolling,
    sessions,
    torture,
)
from tests.faults.ground import opened as ground

SEEDS = (2026, 7)  # what the slices run: the second once found events out of order, and innocent dead
TEMPO = 0.2  # of the controls, and of the slices: the kit's waits are as much shorter


class Verdict(Protocol):
    @property
    def is_clean(self) -> bool: ...


@dataclass(frozen=True)
class Run:
    rounds: int
    long: Callable[[int, int], Awaitable[Verdict]]  # seed, rounds
    control: Callable[[int], Awaitable[Verdict]]


async def messages(seed: int, rounds: int) -> Verdict:
    async with office() as place:
        await torture.poison(place, 5)
        ledger = await torture.torture(place, seed, rounds)
        return await torture.check(place, place.stack.database_url(), ledger)


async def tampered(seed: int) -> Verdict:
    async with office() as place:
        url = place.stack.database_url()
        ledger = await torture.write_some(place, "5511970000001", 12)
        await torture.caught_up(url)
        await torture.tamper(url)
        return await torture.check(place, url, ledger)


async def campaign(seed: int, rounds: int) -> Verdict:
    async with campaigning.opened() as place:
        return await campaigning.torture(place, seed, rounds, 100 * rounds)


async def claims_forgotten(seed: int) -> Verdict:
    async with campaigning.opened() as place:
        return await campaigning.forgetful(place)


async def publish(seed: int, seconds: int) -> Verdict:
    async with ground() as place:
        return await publishing.run(place, seed, seconds)


async def cursor(seed: int) -> Verdict:
    async with ground() as place:
        return await publishing.control(place, seed, 3)


async def deleted(seed: int, events: int) -> Verdict:
    async with ground(durable=True) as place:
        return await rebuilding.deleted(place, seed, events)


async def flipped(seed: int, events: int) -> Verdict:
    async with ground(durable=True) as place:
        return await rebuilding.flipped(place, seed, events)


async def deleted_unaudited(seed: int) -> Verdict:
    async with ground() as place:
        return await rebuilding.deleted(place, seed, 400, without="audit")


async def flipped_unaudited(seed: int) -> Verdict:
    async with ground() as place:
        return await rebuilding.flipped(place, seed, 400, without="audit")


async def order(seed: int, each: int) -> Verdict:
    async with ground() as place:
        return await ordering.run(place, seed, 500, each)


async def overtaken(seed: int) -> Verdict:
    async with ground() as place:
        return await ordering.run(place, seed, 40, 20, tempo=TEMPO, without="order")


async def poisoned(seed: int, events: int) -> Verdict:
    async with ground() as place:
        return await poisoning.run(place, seed, events)


async def unburied(seed: int) -> Verdict:
    async with ground() as place:
        return await poisoning.run(place, seed, 100, tempo=TEMPO, patience=8, without="dead letters")


async def leaning(seed: int, rounds: int) -> Verdict:
    return await dependencies.run(rounds)


async def misblamed(seed: int) -> Verdict:
    return await dependencies.run(2, blamed="knowledge")


async def restarted(seed: int, rounds: int) -> Verdict:
    async with office(REPLICAS="2") as place:
        return await rolling.run(place, rounds)


async def killed(seed: int) -> Verdict:
    async with office(REPLICAS="2") as place:
        return await rolling.run(place, 1, ["gateway"], signal.SIGKILL)


async def unheard(seed: int) -> Verdict:
    return await sessions.control()


RUNS = {
    "E1 whatever dies, no message is lost": Run(20, messages, tampered),
    "C1 nobody gets a campaign twice": Run(20, campaign, claims_forgotten),
    "E2 every commit is published": Run(10, publish, cursor),
    "E4 the store is deleted": Run(10_000, deleted, deleted_unaudited),
    "E4 a bit is flipped": Run(10_000, flipped, flipped_unaudited),
    "E6 each conversation in its order": Run(40, order, overtaken),
    "E7 poison is set aside": Run(2000, poisoned, unburied),
    "D4 what we lean on is gone": Run(50, leaning, misblamed),
    "D7 every part is restarted": Run(3, restarted, killed),
    "S3 sessions end at once": Run(5, sessions.run, unheard),
}
