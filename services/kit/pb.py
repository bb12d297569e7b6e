"""Rows to protobuf messages, by column name."""

from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlalchemy.orm import DeclarativeBase

SomeMessage = TypeVar("SomeMessage", bound=Message)


def fill(kind: type[SomeMessage], row: Any, **more: Any) -> SomeMessage:
    """A message whose fields are the row's columns; null columns stay absent."""
    return kind(**row._asdict(), **more)


def columns(kind: type[Message], table: type[DeclarativeBase]) -> list[Any]:
    """The table's columns that the message has fields for, to select."""
    return [column for column in table.__table__.columns if column.name in kind.DESCRIPTOR.fields_by_name]
