"""What was taken for spam or an automatic answer claims its content no longer: the same mail may come from a person."""

from alembic import op

revision = "intake_0010_claims"
down_revision = "intake_0009_attempts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM mail_content WHERE outcome IN ('spam', 'auto_reply')")


def downgrade() -> None:
    """Nothing to bring back: an earlier version claims anew what comes."""
