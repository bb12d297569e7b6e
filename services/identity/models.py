"""The tables of identity."""

from sqlalchemy.orm import DeclarativeBase

from services.kit import tables


class Base(DeclarativeBase):
    metadata = tables.metadata("identity")
    type_annotation_map = tables.TYPES
