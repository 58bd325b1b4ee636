"""Letters that wait for a person are found without reading all others."""

from alembic import op

revision = "notifier_0002"
down_revision = "notifier_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX letter_waiting ON letter (created_at) "
        "WHERE state IN ('blocked', 'unknown', 'failed', 'no_address')"
    )


def downgrade() -> None:
    op.execute("DROP INDEX letter_waiting")
