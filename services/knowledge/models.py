"""The tables of knowledge."""

from services.kit import tables

Base = tables.schema("knowledge")
