"""A stamp per write of a complaint, so that a state in memory is known to be the one in the table.

An earlier version that still runs leaves the stamp as it is, but raises the version beside it.
"""

from alembic import op

revision = "escalation_0004"
down_revision = "escalation_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE complaint ADD COLUMN stamp bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE complaint DROP COLUMN stamp")
