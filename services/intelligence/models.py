"""The tables of intelligence."""

from services.kit import tables

Base = tables.schema("intelligence")
