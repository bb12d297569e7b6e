"""Rows to protobuf messages, by column name."""

from typing import Any, TypeVar

from google.protobuf.message import Message

SomeMessage = TypeVar("SomeMessage", bound=Message)


def fill(kind: type[SomeMessage], row: Any, **more: Any) -> SomeMessage:
    """A message whose fields are the row's columns; null columns stay absent."""
    return kind(**row._asdict(), **more)
