"""Escalation's own tables, as tables.py describes them, and the indexes that their queries need."""

from alembic import op

revision = "escalation_0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE complaint (
        complaint_id uuid PRIMARY KEY, version integer NOT NULL, tier text NOT NULL, received_at timestamptz,
        document jsonb NOT NULL, class text NOT NULL, delete_after timestamptz,
        legal_hold boolean NOT NULL DEFAULT false)""",
    """CREATE TABLE clock (
        id uuid PRIMARY KEY, complaint_id uuid NOT NULL, kind text NOT NULL, pack text NOT NULL, state text NOT NULL,
        live boolean NOT NULL, due_at timestamptz NOT NULL, document jsonb NOT NULL)""",
    "CREATE INDEX clock_by_complaint ON clock (complaint_id)",
    "CREATE INDEX clock_by_due ON clock (due_at) WHERE live",
    """CREATE TABLE rung (
        id uuid PRIMARY KEY, complaint_id uuid NOT NULL, clock_id uuid NOT NULL, version integer NOT NULL,
        rung smallint NOT NULL, action text NOT NULL, to_role text NOT NULL, reached_at timestamptz NOT NULL,
        acknowledged_at timestamptz, acknowledged_by text, why text)""",
    "CREATE INDEX rung_by_complaint ON rung (complaint_id)",
    """CREATE TABLE policy (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, pack text NOT NULL, version integer NOT NULL,
        origin text NOT NULL, digest bytea NOT NULL, text text NOT NULL, in_force_from timestamptz NOT NULL,
        created_at timestamptz NOT NULL, created_by text NOT NULL, UNIQUE (pack, version))""",
    """CREATE TABLE outcome (
        kind text, tier text, outcome text, shard smallint, n bigint NOT NULL,
        PRIMARY KEY (kind, tier, outcome, shard)) WITH (fillfactor = 50)""",
    "ALTER TABLE clock SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("outcome", "policy", "rung", "clock", "complaint"):
        op.execute(f"DROP TABLE {table}")
