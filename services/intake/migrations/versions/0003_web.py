"""Who speaks for a customer, links of complaints and customers, status webhooks, limits of keys, measured waits."""

from alembic import op

revision = "intake_0003_web"
down_revision = "intake_0002_mail"
branch_labels = None
depends_on = None

_UP = (
    "ALTER TABLE complaint ADD COLUMN represented_by text",
    "ALTER TABLE call ADD COLUMN waited_seconds integer",
    "ALTER TABLE channel_key ADD COLUMN per_minute integer",
    """CREATE TABLE channel_hook (
        name text PRIMARY KEY, url text NOT NULL, version integer NOT NULL, created_at timestamptz NOT NULL)""",
    """CREATE TABLE link (
        link_id uuid PRIMARY KEY, kind text NOT NULL, one uuid NOT NULL, other uuid NOT NULL, state text NOT NULL,
        evidence text[] NOT NULL, likeness smallint NOT NULL, version integer NOT NULL,
        proposed_at timestamptz NOT NULL, decided_at timestamptz, decided_by text, UNIQUE (kind, one, other))""",
    "CREATE INDEX link_by_other ON link (kind, other)",
    "CREATE INDEX link_open ON link (proposed_at) WHERE state = 'proposed'",
    "CREATE TABLE progress (name text PRIMARY KEY, at timestamptz NOT NULL, id uuid NOT NULL)",
    "CREATE INDEX complaint_by_time ON complaint (created_at, complaint_id)",
    # Finding while typing: the beginning of a number, of an address, of a name.
    "CREATE INDEX contact_beginning ON contact (value text_pattern_ops)",
    "CREATE INDEX customer_name_beginning ON customer (lower(person ->> 'name') text_pattern_ops)",
    "CREATE INDEX complaint_reference_beginning ON complaint (reference text_pattern_ops)",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for index in ("complaint_by_time", "contact_beginning", "customer_name_beginning", "complaint_reference_beginning"):
        op.execute(f"DROP INDEX {index}")
    for table in ("progress", "link", "channel_hook"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE channel_key DROP COLUMN per_minute")
    op.execute("ALTER TABLE call DROP COLUMN waited_seconds")
    op.execute("ALTER TABLE complaint DROP COLUMN represented_by")
