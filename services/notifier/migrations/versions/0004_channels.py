"""Letters have a channel; addresses that do not take letters are on a list; promises are found by complaint."""

from alembic import op

revision = "notifier_0004"
down_revision = "notifier_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE letter ADD COLUMN channel text NOT NULL DEFAULT 'email'")
    op.execute(
        "CREATE TABLE suppressed (address text PRIMARY KEY, reason text NOT NULL, letter_id uuid, "
        "at timestamptz NOT NULL, class text NOT NULL, delete_after timestamptz, "
        "legal_hold boolean NOT NULL DEFAULT false)"
    )
    op.execute("CREATE INDEX promise_of_complaint ON promise (complaint_id, due_at)")


def downgrade() -> None:
    op.execute("DROP INDEX promise_of_complaint")
    op.execute("DROP TABLE suppressed")
    op.execute("ALTER TABLE letter DROP COLUMN channel")
