"""Intake's own tables. What nobody queries by lives in one document column."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, MetaData, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.base.columns import kept

metadata = MetaData()
_time = DateTime(timezone=True)

# One row per complaint, question, praise or suggestion, as it came in; never changed.
complaint = Table(
    "complaint",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("came_by", Text, nullable=False),  # post | call | mail
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("customer_id", UUID, nullable=False),
    Column("language", Text, nullable=False),
    Column("email", Text),
    Column("phone", Text),
    Column("body", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("received_at", _time, nullable=False),
    Column("created_at", _time, nullable=False),
    Column("probe", Text),
    Column("represented_by", Text),  # how to reach who speaks for the customer
    *kept(),
)
# Where each complaint stands, for its customer: made from the events of the other services.
tracking = Table(
    "tracking",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("handler_id", Text),
    Column("cause", Text),
    Column("document", JSONB, nullable=False),
)
letter = Table(
    "letter",
    metadata,
    Column("letter_id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("sent_at", _time, nullable=False),
    Column("decision_id", UUID),
    *kept(),
)
# Everything said later about a complaint; its primary key is what makes a repeated command one command.
message = Table(
    "message",
    metadata,
    Column("message_id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("received_at", _time, nullable=False),
    *kept(),
)
customer = Table(
    "customer",
    metadata,
    Column("customer_id", UUID, primary_key=True),
    Column("external_id", Text, unique=True),
    Column("tier", Text, nullable=False),
    Column("language", Text),
    Column("relation", Text),
    Column("since", _time),
    Column("person", JSONB, nullable=False),
    *kept(),
)
# One contact belongs to one customer; kind is external, email or phone.
contact = Table(
    "contact",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("customer_id", UUID, nullable=False),
)
file = Table(
    "file",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    *kept(),
)
attachment = Table(
    "attachment",
    metadata,
    Column("attachment_id", UUID, primary_key=True),
    Column("complaint_id", UUID, nullable=False),
    Column("message_id", UUID),
    Column("sha256", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    *kept(),
)
# The bytes of a mail, once, however often they arrive.
raw_mail = Table(
    "raw_mail",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    *kept(),
)
# One row per arrival of a mail. `outcome` is null until the second transaction: the gap of the reconciliation.
mail = Table(
    "mail",
    metadata,
    Column("raw_id", UUID, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("seen_at", _time, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("retry_at", _time, nullable=False),
    Column("outcome", Text),
    Column("reason", Text),
    Column("complaint_id", UUID),
    Column("decided_at", _time),
    Column("received_at", _time),  # when the carrier says that it took it: INTERNALDATE
    Column("uidvalidity", BigInteger),
    Column("uid", BigInteger),
    Column("rescued_by", Text),
)
# A mailbox that we fetch, how far, and who does it now. `waiting` are messages on the server that we have not kept.
mailbox = Table(
    "mailbox",
    metadata,
    Column("name", Text, primary_key=True),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("holder", Text),
    Column("held_until", _time),
    Column("on_server", BigInteger, nullable=False),
    Column("waiting", BigInteger, nullable=False),
    Column("compared_at", _time),
)
# When the address behind a SHA-256 got an automatic answer to a mail, for two days: so that two machines do not write
# to each other. `told` is a list of lists that begin with a time (seconds): earlier versions kept more beside it.
answered = Table(
    "answered",
    metadata,
    Column("sender", LargeBinary, primary_key=True),
    Column("at", _time, nullable=False),
    Column("told", JSONB, nullable=False),
)
# How often the contact behind a reference was guessed, and from an address, under keyed hashes (attempts.py); what
# channels asked for in this minute (budget.py).
attempt = Table(
    "attempt",
    metadata,
    Column("who", LargeBinary, primary_key=True),
    Column("since", _time, nullable=False),
    Column("tries", Integer, nullable=False),
)
# What a mail says, by Message-ID and decoded content: the unique row that makes the second one a duplicate.
mail_content = Table(
    "mail_content",
    metadata,
    Column("content_id", UUID, primary_key=True),
    Column("raw_id", UUID, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("complaint_id", UUID),
)
call = Table(
    "call",
    metadata,
    Column("call_key", UUID, primary_key=True),
    Column("source", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("document", JSONB, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("complaint_id", UUID),
    Column("said", Text, nullable=False),
    Column("settle_at", _time),
    Column("seen_at", _time, nullable=False),
    Column("waited_seconds", Integer),  # measured, from the queue to the answer or to giving up
    *kept(),
)
# Replays of keyed posts, counted: the only number that rows do not show by themselves.
replayed = Table(
    "replayed",
    metadata,
    Column("source", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
channel_key = Table(
    "channel_key",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", _time, nullable=False),
    Column("expires_at", _time),
    Column("revoked_at", _time),
    Column("per_minute", Integer),  # requests; null is the house's limit
)
# Where a channel wants to be told how its complaints go on. Its secret follows from the version and is stored nowhere.
channel_hook = Table(
    "channel_hook",
    metadata,
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", _time, nullable=False),
)
# Two complaints of one matter, or two customers who are one person: proposed with its evidence, decided by a person.
link = Table(
    "link",
    metadata,
    Column("link_id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),  # complaint | customer
    Column("one", UUID, nullable=False),
    Column("other", UUID, nullable=False),
    Column("state", Text, nullable=False),  # proposed | confirmed | rejected | undone
    Column("evidence", ARRAY(Text), nullable=False),
    Column("likeness", SmallInteger, nullable=False),  # percent
    Column("version", Integer, nullable=False),
    Column("proposed_at", _time, nullable=False),
    Column("decided_at", _time),
    Column("decided_by", Text),
)
# The order that a complaint is about, in its one written form: likeness.plain_order.
matter = Table(
    "matter",
    metadata,
    Column("complaint_id", UUID, primary_key=True),
    Column("order_ref", Text, nullable=False),
)
# How far a loop that reads complaints in their order has come.
progress = Table(
    "progress",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", _time, nullable=False),
    Column("id", UUID, nullable=False),
)
