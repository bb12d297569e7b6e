"""The tables of identity."""

from services.kit import tables

Base = tables.schema("identity")
