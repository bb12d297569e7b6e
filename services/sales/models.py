"""The tables of sales."""

from services.kit import tables

Base = tables.schema("sales")
