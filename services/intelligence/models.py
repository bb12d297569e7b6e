"""The tables of intelligence."""

from sqlalchemy.orm import DeclarativeBase

from services.kit import tables


class Base(DeclarativeBase):
    metadata = tables.metadata("intelligence")
    type_annotation_map = tables.TYPES
