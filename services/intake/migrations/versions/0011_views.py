"""Room in each page of the customers' views: a view is written again with nearly each event, and stays in its page.

Without it two of three new versions went to another page, and the index had to point to each.
"""

from alembic import op

revision = "intake_0011_views"
down_revision = "intake_0010_claims"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE tracking SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("ALTER TABLE tracking RESET (fillfactor)")
