"""A page of a list, in the order of one column and then of the id."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_

from protos.pages_pb2 import Pagination
from services.kit import pages
from services.kit.db import Row, Session
from services.kit.pages import Page

LONG_AGO = "0001-01-01T00:00:00.000Z"  # where rows without a time sort


async def read(
    session: Session,
    filtered: Select[Any],
    page: Page,
    order: Sequence[ColumnElement[Any]],
    key: Callable[[Row], tuple[Any, ...]],
    *,
    descending: bool = False,
) -> tuple[Sequence[Row], Pagination]:
    """`order` ends in a column that is unique; `key` gives the same values of a row."""
    total = None
    if page.wants_total:
        total = await session.scalar(select(func.count()).select_from(filtered.subquery()))
    rows = await session.all(_cut(filtered, page, order, descending))
    return pages.cut(page, rows, key, total)


def _cut(
    filtered: Select[Any], page: Page, order: Sequence[ColumnElement[Any]], descending: bool
) -> Select[Any]:
    if page.after is not None:
        here, last = tuple_(*order), pages.place(page, *order)
        filtered = filtered.where(here < last if descending else here > last)
    columns = [column.desc() if descending else column.asc() for column in order]
    return filtered.order_by(*columns).limit(page.fetch).offset(page.offset)
