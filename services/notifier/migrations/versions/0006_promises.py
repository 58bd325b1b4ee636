"""The promises of a complaint are found by it, and not among all promises of a state."""

from alembic import op

revision = "notifier_0006"
down_revision = "notifier_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX promise_by_complaint ON promise (complaint_id)")


def downgrade() -> None:
    op.execute("DROP INDEX promise_by_complaint")
