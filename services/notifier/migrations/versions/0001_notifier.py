"""The notifier's own tables, as tables.py describes them, and the indexes that their queries need."""

from alembic import op

revision = "notifier_0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE matter (
        complaint_id uuid PRIMARY KEY, version integer NOT NULL, document jsonb NOT NULL, class text NOT NULL,
        delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false) WITH (fillfactor = 70)""",
    """CREATE TABLE letter (
        id uuid PRIMARY KEY, complaint_id uuid NOT NULL, trigger uuid NOT NULL, kind text NOT NULL,
        recipient text NOT NULL, customer_id uuid NOT NULL, state text NOT NULL, language text NOT NULL,
        automatic boolean NOT NULL, by_person text, decision_id uuid, inputs jsonb NOT NULL, address text, to_name text,
        reference text NOT NULL, subject text NOT NULL, text text NOT NULL, template_version text NOT NULL,
        thread jsonb NOT NULL, promises jsonb NOT NULL, findings jsonb NOT NULL, reason text, attempts integer NOT NULL,
        created_at timestamptz NOT NULL, next_try_at timestamptz, deadline_at timestamptz, lease_until timestamptz,
        sent_at timestamptz, class text NOT NULL, delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false,
        UNIQUE (complaint_id, trigger, kind, recipient),
        CHECK (state IN ('owed', 'ready', 'sending', 'sent', 'retry', 'unknown', 'failed', 'blocked', 'cancelled',
                         'no_address')))""",
    "CREATE INDEX letter_to_send ON letter (next_try_at) WHERE state IN ('ready', 'retry')",
    "CREATE INDEX letter_sending ON letter (lease_until) WHERE state = 'sending'",
    "CREATE INDEX letter_open ON letter (complaint_id) WHERE state NOT IN ('sending', 'sent', 'cancelled')",
    """CREATE TABLE promise (
        id uuid PRIMARY KEY, complaint_id uuid NOT NULL, letter_id uuid NOT NULL, kind text NOT NULL,
        state text NOT NULL, what text NOT NULL, due_at timestamptz NOT NULL, remedy_id text, amount text,
        currency text, made_at timestamptz NOT NULL, settled_at timestamptz, evidence text, class text NOT NULL,
        delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false,
        CHECK (state IN ('open', 'kept', 'broken', 'cancelled')))""",
    "CREATE INDEX promise_open ON promise (complaint_id) WHERE state = 'open'",
    "CREATE INDEX promise_by_state ON promise (state, due_at)",
    """CREATE TABLE letter_total (
        kind text, outcome text, shard smallint, n bigint NOT NULL, PRIMARY KEY (kind, outcome, shard))
        WITH (fillfactor = 50)""",
    "ALTER TABLE letter SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("letter_total", "promise", "letter", "matter"):
        op.execute(f"DROP TABLE {table}")
