"""Short slices of E2, E4, E6 and E7 of `make torture`, with their controls."""

from collections.abc import AsyncIterator

import pytest

from tests.faults import ground, ordering, poisoning, publishing, rebuilding
from tests.faults.ground import Ground
from tests.faults.runs import SEEDS, TEMPO

pytestmark = pytest.mark.timeout(120)
SEED = SEEDS[-1]


@pytest.fixture(scope="module")
async def place() -> AsyncIterator[Ground]:
    async with ground.opened() as place:
        yield place


async def test_nothing_that_writers_commit_side_by_side_is_left_out_though_the_relay_dies(
    place: Ground,
) -> None:
    verdict = await publishing.run(place, SEED, 2, tempo=TEMPO)

    assert verdict.is_clean, verdict


async def test_control_a_cursor_over_the_ids_leaves_rows_out(place: Ground) -> None:
    verdict = await publishing.control(place, SEED, 2)

    assert verdict.missed


@pytest.mark.parametrize("damaged", [rebuilding.deleted, rebuilding.flipped])
async def test_a_stream_that_is_damaged_is_noticed_and_refilled(
    place: Ground, damaged: rebuilding.Damaged
) -> None:
    verdict = await damaged(place, SEED, 400, tempo=TEMPO)

    assert verdict.is_clean, verdict


async def test_control_without_the_audit_a_damaged_stream_stays_so(place: Ground) -> None:
    verdict = await rebuilding.flipped(place, SEED, 400, tempo=TEMPO, without="audit")

    assert verdict.missing
    assert not verdict.is_clean


async def test_a_conversation_is_taken_in_in_its_order_whichever_replica_dies(place: Ground) -> None:
    """At the kit's own pace: a machine at its limit stands still for longer than a hurried lease lives."""
    verdict = await ordering.run(place, SEED, 40, 6)

    assert verdict.is_clean, verdict


async def test_control_without_lanes_and_recalls_what_is_new_overtakes(place: Ground) -> None:
    verdict = await ordering.run(place, SEED, 40, 20, tempo=TEMPO, without="order")

    assert verdict.inversions


async def test_poison_of_every_kind_dies_and_takes_nobody_with_it(place: Ground) -> None:
    verdict = await poisoning.run(place, SEED, 300, tempo=TEMPO)

    assert verdict.is_clean, verdict


async def test_control_without_dead_letters_poison_stays(place: Ground) -> None:
    verdict = await poisoning.run(place, SEED, 100, tempo=TEMPO, patience=4, without="dead letters")

    assert verdict.unburied
