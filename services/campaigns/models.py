"""The tables of campaigns."""

from services.kit import tables

Base = tables.schema("campaigns")
