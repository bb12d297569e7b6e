"""The tables of knowledge."""

from sqlalchemy.orm import DeclarativeBase

from services.kit import tables


class Base(DeclarativeBase):
    metadata = tables.metadata("knowledge")
    type_annotation_map = tables.TYPES
