"""The tables of messaging."""

from services.kit import tables

Base = tables.schema("messaging")
