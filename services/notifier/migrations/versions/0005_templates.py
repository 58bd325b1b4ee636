"""Templates are content: editions of a language, who made them, and which one is in use."""

from alembic import op

revision = "notifier_0005"
down_revision = "notifier_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE template (language text NOT NULL, edition integer NOT NULL, document text NOT NULL, "
        "author text NOT NULL, note text NOT NULL, made_at timestamptz NOT NULL, PRIMARY KEY (language, edition))"
    )
    op.execute(
        "CREATE TABLE template_in_use (language text PRIMARY KEY, edition integer NOT NULL, "
        "since timestamptz NOT NULL, by text NOT NULL)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE template_in_use")
    op.execute("DROP TABLE template")
