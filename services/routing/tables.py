"""Routing's own tables. What nobody queries by lives in one document column."""

from sqlalchemy import Boolean, Column, DateTime, Integer, LargeBinary, MetaData, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR, UUID

from shared.base.columns import kept

metadata = MetaData()
_time = DateTime(timezone=True)

# One row per complaint or other message. `queued`: looks for a handler; `busy`: takes a place of `handler_id`.
case = Table(
    "case_file",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("order_at", _time, nullable=False),
    Column("due_at", _time),
    Column("received_at", _time),
    Column("waiting_since", _time),
    Column("queued", Boolean, nullable=False),
    Column("busy", Boolean, nullable=False),
    Column("weight", SmallInteger, nullable=False, server_default=text("1")),
    Column("handler_id", Text),
    Column("signature", Text, nullable=False),
    Column("wanted", JSONB, nullable=False),
    Column("unroutable", Boolean, nullable=False),
    Column("lead_wanted", Text),
    Column("customer_name", Text, nullable=False),
    Column("phone_digits", Text, nullable=False),
    Column("order_ref", Text, nullable=False),
    Column("customer_id", UUID),
    Column("confirmed_at", _time),
    Column("document", JSONB, nullable=False),
    *kept(),
)
# What a case is found by; apart from it, because it changes with the customer alone.
search = Table(
    "case_search",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("words", TSVECTOR, nullable=False),
    *kept(),
)
# A question to a department with the customer's own words, as the department sees it.
enquiry = Table(
    "enquiry",
    metadata,
    Column("enquiry_id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("department", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("customer", JSONB, nullable=False),
    Column("due", _time, nullable=False),
    Column("asked_at", _time, nullable=False),
    Column("answer", Text),
    Column("answered_at", _time),
    *kept(),
)
# Files that people of the house added to a case.
attachment = Table(
    "attachment",
    metadata,
    Column("attachment_id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("added_at", _time, nullable=False),
    Column("added_by", Text, nullable=False),
    *kept(),
)
# Answers of bulk actions, for who asks the same again.
bulk = Table(
    "bulk",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("asked", LargeBinary, nullable=False),
    Column("answer", JSONB),
    Column("at", _time, nullable=False),
)
# What happened, in order; never changed. `data` holds words of both sides.
history = Table(
    "history",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("at", _time, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    *kept(),
)
offer = Table(
    "offer",
    metadata,
    Column("offer_id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("handler_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("made_at", _time, nullable=False),
    Column("expires_at", _time, nullable=False),
    Column("ended_at", _time),
    Column("reason", Text),
)
handler = Table(
    "handler",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role_title", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("tiers", ARRAY(Text), nullable=False),
    Column("skills", JSONB, nullable=False),
    Column("languages", ARRAY(Text), nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("authority", JSONB, nullable=False),
    Column("permissions", ARRAY(Text), nullable=False),
    Column("calendar", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("shifts", JSONB, nullable=False),
    Column("presence", Text, nullable=False),
    Column("presence_since", _time),
    Column("given_at", _time),
    Column("expired_in_row", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
)
# Who was given a customer's latest case.
known_by = Table(
    "known_by",
    metadata,
    Column("customer_id", UUID, primary_key=True),
    Column("handler_id", Text, nullable=False),
    Column("at", _time, nullable=False),
    *kept(),
)
# Why a case went where it went, as it stood in that version of the case.
explanation = Table(
    "explanation",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", _time, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("document", JSONB, nullable=False),
)
# Who may sign in. `subject`: issuer and subject of an identity provider; without a password only that one signs in.
account = Table(
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password", Text),
    Column("subject", Text, unique=True),
    Column("made_at", _time, nullable=False),
    Column("changed_at", _time, nullable=False),
    Column("disabled_at", _time),
)
# One row per sign-in, kept for a month after its end. `ended_by`: the person, or who disabled the account.
session = Table(
    "session",
    metadata,
    Column("session_id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("made_at", _time, nullable=False),
    Column("ends_at", _time, nullable=False),
    Column("ended_at", _time),
    Column("ended_by", Text),
)
# Tries to sign in that failed or are under way; of the name only a hash, for people type passwords there too.
attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("name_hash", LargeBinary, primary_key=True),
    Column("at", _time, primary_key=True),
)
# The reply library, and every version of every reply.
reply = Table(
    "reply",
    metadata,
    Column("reply_id", UUID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("changed_at", _time, nullable=False),
    Column("changed_by", Text, nullable=False),
)
reply_version = Table(
    "reply_version",
    metadata,
    Column("reply_id", UUID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("what", Text, nullable=False),
    Column("at", _time, nullable=False),
    Column("by", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", Text, nullable=False),
)
# Who leads whom: for ability sheets, which only the two of them see.
team = Table(
    "team",
    metadata,
    Column("handler_id", Text, primary_key=True),
    Column("lead", Text, nullable=False),
)
# How a handler and his lead see his abilities in a quarter: behaviour → 1-5.
ability = Table(
    "ability_sheet",
    metadata,
    Column("handler_id", Text, primary_key=True),
    Column("quarter", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("at", _time, nullable=False),
    Column("scores", JSONB, nullable=False),
    Column("words", Text, nullable=False),
)
# What somebody typed on the desk and has not sent: `kind` names the form.
draft = Table(
    "draft",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("handler_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", _time, nullable=False),
    Column("fields", JSONB, nullable=False),
    *kept(),
)
