"""Rows come with times and ids as the text that they are in JSON."""

import pytest

from services.kit.db import Database


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-23 18:42:50.427", "2026-11-23T18:42:50.427Z"),
        ("2026-11-23 18:42:50.42", "2026-11-23T18:42:50.420Z"),
        ("2026-11-23 18:42:50", "2026-11-23T18:42:50.000Z"),
        ("2026-11-23 18:42:50.427131", "2026-11-23T18:42:50.427Z"),
        ("2026-11-23 18:42:50.427-03", "2026-11-23T21:42:50.427Z"),
    ],
)
async def test_a_time_has_milliseconds_and_is_utc(db: Database, written: str, read: str) -> None:
    async with db.read() as session:
        assert await session.scalar("select %(at)s::timestamptz", at=written) == read


async def test_ids_and_json_stay_text(db: Database) -> None:
    id, document = "01a20b6d-8323-731d-8487-da87e4c2b969", '{"a": 1}'

    async with db.read() as session:
        row = await session.first("select %(id)s::uuid, %(json)s::jsonb", id=id, json=document)

    assert tuple(row or ()) == (id, document)
