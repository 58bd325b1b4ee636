"""Whether a letter's complaint is a probe is read from an index that holds the probes alone."""

from alembic import op

revision = "notifier_0007"
down_revision = "notifier_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX matter_of_probe ON matter (complaint_id) WHERE document ? 'probe'")


def downgrade() -> None:
    op.execute("DROP INDEX matter_of_probe")
