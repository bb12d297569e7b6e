"""Keyset pages: a list costs what it returns. `page` and totals serve older clients, when they ask."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import literal, tuple_

from protos.pages_pb2 import Pagination
from services.kit.db import Row
from services.kit.errors import Invalid

DEFAULT = 50
LARGEST = 200


class NotOurCursor(Invalid):
    """This is not a cursor of this list."""

    code = Invalid.code

    def __init__(self) -> None:
        super().__init__(fields={"cursor": "is not a cursor of this list"})


@dataclass(frozen=True)
class Page:
    limit: int
    after: tuple[Any, ...] | None
    page: int | None
    wants_total: bool

    @property
    def offset(self) -> int:
        return 0 if self.page is None else (self.page - 1) * self.limit

    @property
    def fetch(self) -> int:
        """One row more than is shown tells whether there are more."""
        return self.limit + 1


def read(request: Any, *, default: int = DEFAULT, largest: int = LARGEST) -> Page:
    """The page that a request with `limit`, `cursor`, `page` and `include` asks for."""
    limit = min(max(request.limit, 1), largest) if request.HasField("limit") else default
    page = max(request.page, 1) if request.HasField("page") else None
    after = _decode(request.cursor) if request.cursor else None
    return Page(limit, after, page if after is None else None, page is not None or "total" in request.include)


def place(page: Page, *columns: Any) -> Any:
    """Where the page before ended, to compare the columns of the order with: text alone has no type there."""
    if page.after is None or len(page.after) != len(columns):
        raise NotOurCursor
    return tuple_(
        *(literal(str(value), column.type) for value, column in zip(page.after, columns, strict=True))
    )


def cut(
    page: Page, rows: Sequence[Row], key: Callable[[Row], tuple[Any, ...]], total: int | None = None
) -> tuple[Sequence[Row], Pagination]:
    """The rows to show, and what to say about the rest. `key` gives the values that the order rests on."""
    shown = rows[: page.limit]
    has_more = len(rows) > page.limit
    return shown, Pagination(
        limit=page.limit,
        has_more=has_more,
        next_cursor=_encode(key(shown[-1])) if has_more else None,
        page=page.page,
        total=total,
        total_pages=None if total is None else -(-total // page.limit),
    )


def _encode(values: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _decode(cursor: str) -> tuple[Any, ...]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise NotOurCursor from error
    if not isinstance(values, list) or not values or any(isinstance(one, list | dict) for one in values):
        raise NotOurCursor
    return tuple(values)
