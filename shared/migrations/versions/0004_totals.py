"""Totals that survive every crash, and who collects them."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    # Half of each page stays free, so that a row that is counted up stays on it and no index is touched.
    """CREATE TABLE total (
        metric text NOT NULL,
        labels text NOT NULL,
        shard smallint NOT NULL,
        n double precision NOT NULL,
        PRIMARY KEY (metric, labels, shard)
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)""",
    """CREATE TABLE lease (
        role text PRIMARY KEY,
        holder text NOT NULL,
        until timestamptz NOT NULL
    )""",
)


def upgrade() -> None:
    """Create them in the schema of the search path."""
    for statement in STATEMENTS:
        op.execute(statement)
