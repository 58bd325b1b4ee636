"""Rows of the outbox stay as they are: they live for milliseconds, too short to be worth compressing."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Change the table in the schema of the search path."""
    op.execute("ALTER TABLE outbox SET (toast_tuple_target = 8160)")
