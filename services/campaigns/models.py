"""The tables of campaigns."""

from sqlalchemy.orm import DeclarativeBase

from services.kit import tables


class Base(DeclarativeBase):
    metadata = tables.metadata("campaigns")
    type_annotation_map = tables.TYPES
