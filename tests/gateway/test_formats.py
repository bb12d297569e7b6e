"""The formats of field rules: what they take, what they make of it, what they refuse."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats import CHECKS
from protos import rules_pb2
from protos.rules_pb2 import Format

ID = "0197d6f2-7c1e-7b60-9a5c-3f2f6c1d8e01"
TAKEN = {
    "UUID": {ID: ID, ID.upper(): ID, ID.replace("-", ""): ID},
    "EMAIL": {one: one for one in ("ana@empresa.com.br", "a+b@x.co", "ç@exemplo.com")},
    "TIME": {
        "2026-11-23T18:00:00Z": "2026-11-23T18:00:00.000Z",
        "2026-11-23T15:00:00-03:00": "2026-11-23T18:00:00.000Z",
        "2026-11-23T15:00": "2026-11-23T18:00:00.000Z",
        "2026-11-23T18:00:00.123456Z": "2026-11-23T18:00:00.123Z",
    },
    "DATE": {"2026-11-23": "2026-11-23", "2024-02-29": "2024-02-29"},
    "URL": {one: one for one in ("https://a.co", "http://127.0.0.1:8080/x?y=z#w", "https://[::1]/")},
    "PHONE": {one: one for one in ("5511987654321", "+55 (11) 98765-4321", "12345678")},
    "TIMEZONE": {one: one for one in ("America/Sao_Paulo", "UTC")},
    "CLOCK": {one: one for one in ("00:00", "09:30", "23:59")},
}
REFUSED = {
    "UUID": ["x", "0197d6f2", ID + "0", "{}", "' or 1=1"],
    "EMAIL": ["a", "a@", "@b.co", "a@b", "a b@c.co", "a@b..co", "a@-b.co", "a@b.co\n", "a@b.c", "a@@b.co"],
    "TIME": ["", "yesterday", "2026-13-01T00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
    "DATE": ["2026-02-30", "23/11/2026", "x", "2026-11-23T00:00"],
    "URL": [
        "x",
        "ftp://a.co",
        "http://",
        "http://[",
        "http://a:0/",
        "http://a:99999/",
        "http://a b/",
        "//a.co",
    ],
    "PHONE": ["1234567", "1" * 16, "abcdefgh", "5511987654321x", "+55;rm -rf"],
    "TIMEZONE": ["", "America", "Marte/Base", "../../etc/passwd", "x" * 500, "\0"],
    "CLOCK": ["24:00", "9:30", "09:60", "0930", "09:30:00", "٠٩:٣٠"],
}


@pytest.mark.parametrize(
    ("name", "given", "made"),
    [(name, given, made) for name, values in TAKEN.items() for given, made in values.items()],
)
def test_what_is_well_formed_is_taken(name: str, given: str, made: str) -> None:
    assert CHECKS[Format.Value(name)](given) == made


@pytest.mark.parametrize(
    ("name", "wrong"), [(name, wrong) for name, values in REFUSED.items() for wrong in values]
)
def test_what_is_not_is_refused_with_a_sentence(name: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^is not "):
        CHECKS[Format.Value(name)](wrong)


@given(st.sampled_from(sorted(CHECKS)), st.text(max_size=60))
def test_no_text_breaks_a_check(kind: int, text: str) -> None:
    with suppress(ValueError):
        CHECKS[kind](text)


def test_every_format_has_a_check() -> None:
    assert {*CHECKS} == {*rules_pb2.Format.values()}
