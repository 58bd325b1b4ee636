"""Guesses at contacts are counted for all replicas together."""

from alembic import op

revision = "intake_0009_attempts"
down_revision = "intake_0008_posts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE attempt (who bytea PRIMARY KEY, since timestamptz NOT NULL, tries integer NOT NULL) "
        "WITH (fillfactor = 70)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE attempt")
