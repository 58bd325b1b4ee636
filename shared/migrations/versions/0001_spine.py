"""The spine's tables, the same in each service's schema."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them in the schema of the search path."""
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "CREATE TABLE deployment (id text PRIMARY KEY)",
    # Room on the page for the updates that each event makes, so that they stay on it.
    """CREATE TABLE stream (
        complaint_id uuid PRIMARY KEY,
        sequence bigint NOT NULL,
        stalled boolean NOT NULL
    ) WITH (fillfactor = 70)""",
    """CREATE TABLE outbox (
        seq bigserial PRIMARY KEY,
        topic text NOT NULL,
        complaint_id uuid,
        headers jsonb NOT NULL,
        body bytea NOT NULL,
        created_at timestamptz NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)""",
    """CREATE TABLE inbox (
        event_id uuid PRIMARY KEY,
        seen_at timestamptz NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)""",
    "CREATE INDEX inbox_seen_at ON inbox (seen_at)",
    """CREATE TABLE consumer_position (
        partition smallint PRIMARY KEY,
        next_offset bigint NOT NULL,
        caught_up_at timestamptz,
        assigned_at timestamptz NOT NULL
    ) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)""",
    """CREATE TABLE timer (
        complaint_id uuid NOT NULL,
        name text NOT NULL,
        fire_at timestamptz NOT NULL,
        version integer NOT NULL,
        partition smallint NOT NULL,
        PRIMARY KEY (complaint_id, name)
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)""",
    "CREATE INDEX timer_fire_at ON timer (fire_at)",
    """CREATE TABLE parked (
        id bigserial PRIMARY KEY,
        event_id uuid,
        complaint_id uuid,
        type text,
        partition smallint NOT NULL,
        record_offset bigint NOT NULL,
        key bytea,
        headers jsonb NOT NULL,
        body bytea,
        state text NOT NULL CHECK (state IN ('parked', 'queued', 'retry', 'discard', 'handled', 'discarded')),
        reason text NOT NULL,
        parked_at timestamptz NOT NULL,
        released_by text,
        released_reason text,
        done_at timestamptz,
        class text NOT NULL,
        delete_after timestamptz,
        legal_hold boolean NOT NULL,
        UNIQUE (partition, record_offset)
    )""",
    "CREATE INDEX parked_open ON parked (complaint_id, partition, record_offset) "
    "WHERE state IN ('parked', 'queued', 'retry', 'discard')",
)
