"""Rows to protobuf messages, by column name."""

from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlalchemy import ColumnElement, DateTime, Text, cast, func, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

SomeMessage = TypeVar("SomeMessage", bound=Message)

RFC3339: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'""")


def fill(kind: type[SomeMessage], row: Any, **more: Any) -> SomeMessage:
    """A message whose fields are the row's columns; null columns stay absent."""
    return kind(**row._asdict(), **more)


def columns(kind: type[Message], table: type[DeclarativeBase]) -> list[Any]:
    """The table's columns that the message has fields for, to select."""
    return [column for column in table.__table__.columns if column.name in kind.DESCRIPTOR.fields_by_name]


def in_json(column: Any) -> Any:
    """A column for rows that PostgreSQL makes JSON of, as the same column is read by itself."""
    if isinstance(column.type, DateTime):
        return func.to_char(column, RFC3339).label(column.name)
    return cast(column, Text).label(column.name) if isinstance(column.type, JSONB) else column
