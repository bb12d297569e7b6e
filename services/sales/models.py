"""The tables of sales."""

from sqlalchemy.orm import DeclarativeBase

from services.kit import tables


class Base(DeclarativeBase):
    metadata = tables.metadata("sales")
    type_annotation_map = tables.TYPES
