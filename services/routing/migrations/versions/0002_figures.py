"""What is open is counted from one index: it holds what the count asks for."""

from alembic import op

revision = "routing_0002"
down_revision = "routing_0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "CREATE INDEX case_by_state_2 ON case_file (state, rank, order_at) "
    "INCLUDE (tier, kind, received_at, waiting_since)",
    "DROP INDEX case_by_state",
    "ALTER INDEX case_by_state_2 RENAME TO case_by_state",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
