"""Columns that tables of every service have in common."""

from sqlalchemy import Boolean, Column, DateTime, Text


def kept() -> tuple[Column[str], Column[object], Column[bool]]:
    """What stands on every stored object that holds customers' data: its class, until when, and a hold on it."""
    return (
        Column("class", Text, nullable=False),
        Column("delete_after", DateTime(timezone=True)),
        Column("legal_hold", Boolean, nullable=False, default=False),
    )
