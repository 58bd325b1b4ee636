"""How many places a case takes, who knows which customer, and how offers ended."""

from alembic import op

revision = "routing_0004"
down_revision = "routing_0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE case_file ADD COLUMN weight smallint NOT NULL DEFAULT 1",
    # Loads are sums over this index alone.
    "CREATE INDEX case_busy_2 ON case_file (handler_id) INCLUDE (weight) WHERE busy",
    "DROP INDEX case_busy",
    "ALTER INDEX case_busy_2 RENAME TO case_busy",
    "CREATE INDEX case_unroutable ON case_file (queue, tier) WHERE unroutable AND queued",
    "CREATE INDEX offer_ended ON offer (ended_at) WHERE ended_at IS NOT NULL",
    """CREATE TABLE known_by (
        customer_id uuid PRIMARY KEY, handler_id text NOT NULL, at timestamptz NOT NULL, class text NOT NULL,
        delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false)""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
