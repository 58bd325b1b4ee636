"""The spine's own tables, the same in each service's schema (shared/migrations makes them)."""

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

# One row per complaint: its lock, the keeper of ce_sequence, and whether it waits behind a parked event.
stream = Table(
    "stream",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("stalled", Boolean, nullable=False),
)
outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("complaint_id", UUID),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", _time, nullable=False),
)
inbox = Table("inbox", metadata, Column("event_id", UUID, primary_key=True), Column("seen_at", _time, nullable=False))
consumer_position = Table(
    "consumer_position",
    metadata,
    Column("partition", SmallInteger, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("caught_up_at", _time),
    Column("assigned_at", _time, nullable=False),
)
timer = Table(
    "timer",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("fire_at", _time, nullable=False),
    Column("version", Integer, nullable=False),
    Column("partition", SmallInteger, nullable=False),
)
parked = Table(
    "parked",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("event_id", UUID),
    Column("complaint_id", UUID),
    Column("type", Text),
    Column("partition", SmallInteger, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary),
    Column("state", Text, nullable=False),  # parked | queued | retry | discard | done
    Column("reason", Text, nullable=False),
    Column("parked_at", _time, nullable=False),
    Column("released_by", Text),
    Column("released_reason", Text),
    Column("done_at", _time),
    *kept(),
)
# Written while tracing is on: where what follows without an event goes on.
trace = Table(
    "trace", metadata, Column("complaint_id", UUID, primary_key=True), Column("traceparent", Text, nullable=False)
)
deployment = Table("deployment", metadata, Column("id", Text, primary_key=True))
# What was counted, in the transaction that made it true. `labels` is a JSON array; a shard keeps writers apart.
total = Table(
    "total",
    metadata,
    Column("metric", Text, primary_key=True),
    Column("labels", Text, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("n", Double, nullable=False),
)
# Which replica has a task that only one may have, and until when if it does not come back.
lease = Table(
    "lease",
    metadata,
    Column("role", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", _time, nullable=False),
)
