"""Where a complaint's trace goes on when no event leads to what follows."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table in the schema of the search path."""
    op.execute("CREATE TABLE trace (complaint_id uuid PRIMARY KEY, traceparent text NOT NULL)")
