"""Escalation's own tables (migrations/ makes them)."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.base.columns import kept

metadata = MetaData()
_time = DateTime(timezone=True)

# Facts of one complaint; times and ids only, no personal data beyond who works on it.
complaint = Table(
    "complaint",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("tier", Text, nullable=False),
    Column("received_at", _time),
    Column("document", JSONB, nullable=False),
    Column("stamp", BigInteger, nullable=False),  # another number with every write: see shared/spine/remembered.py
    *kept(),
)
clock = Table(
    "clock",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("pack", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("due_at", _time, nullable=False),
    Column("document", JSONB, nullable=False),
)
rung = Table(
    "rung",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("clock_id", UUID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rung", SmallInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("to_role", Text, nullable=False),
    Column("reached_at", _time, nullable=False),
    Column("acknowledged_at", _time),
    Column("acknowledged_by", Text),
    Column("why", Text),
)
# How long the work took, in seconds of working time; `over`: the complaint ended in this stage.
stage = Table(
    "stage",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("calendar", Text, nullable=False),
    Column("began_at", _time, nullable=False),
    Column("ended_at", _time),
    Column("took", Double),
    Column("over", Boolean, nullable=False),
)
# Every version of every pack, never changed.
policy = Table(
    "policy",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("pack", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("origin", Text, nullable=False),  # file | posted
    Column("digest", LargeBinary, nullable=False),
    Column("text", Text, nullable=False),
    Column("in_force_from", _time, nullable=False),
    Column("created_at", _time, nullable=False),
    Column("created_by", Text, nullable=False),
)
