"""The notifier's own tables (migrations/ makes them)."""

from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.base.columns import kept

metadata = MetaData()
_time = DateTime(timezone=True)

# One complaint as letters need it.
matter = Table(
    "matter",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("document", JSONB, nullable=False),
    *kept(),
)
# The ledger: one row per debt (complaint, trigger, kind, recipient).
letter = Table(
    "letter",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("trigger", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("customer_id", UUID, nullable=False),
    Column("state", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("by_person", Text),
    Column("decision_id", UUID),
    Column("inputs", JSONB, nullable=False),
    Column("address", Text),
    Column("to_name", Text),
    Column("reference", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("template_version", Text, nullable=False),
    Column("thread", JSONB, nullable=False),
    Column("promises", JSONB, nullable=False),
    Column("findings", JSONB, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False),
    Column("created_at", _time, nullable=False),
    Column("next_try_at", _time),
    Column("deadline_at", _time),
    Column("lease_until", _time),
    Column("sent_at", _time),
    Column("probe", Boolean, nullable=False, default=False),
    *kept(),
)
promise = Table(
    "promise",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("letter_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("due_at", _time, nullable=False),
    Column("remedy_id", Text),
    Column("amount", Text),
    Column("currency", Text),
    Column("made_at", _time, nullable=False),
    Column("settled_at", _time),
    Column("evidence", Text),
    *kept(),
)
# Addresses that letters come back from, or whose owner wants none: lower case.
suppressed = Table(
    "suppressed",
    metadata,
    Column("address", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("letter_id", UUID),
    Column("at", _time, nullable=False),
    *kept(),
)
# Editions of a language's templates; edition 1 is the package's and has no row. Without a row in use, the package's is.
template = Table(
    "template",
    metadata,
    Column("language", Text, primary_key=True),
    Column("edition", Integer, primary_key=True),
    Column("document", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("made_at", _time, nullable=False),
)
template_in_use = Table(
    "template_in_use",
    metadata,
    Column("language", Text, primary_key=True),
    Column("edition", Integer, nullable=False),
    Column("since", _time, nullable=False),
    Column("by", Text, nullable=False),
)
