"""The account of posts has an index of its own, which no search by customer can be led into.

An index whose last column is `kind` was read whole, to find the few complaints of one customer that are of a kind.
"""

from alembic import op

revision = "intake_0008_posts"
down_revision = "intake_0007_reference"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX complaint_of_posts ON complaint (source, kind) WHERE came_by = 'post'")
    op.execute("DROP INDEX complaint_by_source")


def downgrade() -> None:
    op.execute("CREATE INDEX complaint_by_source ON complaint (came_by, source, kind)")
    op.execute("DROP INDEX complaint_of_posts")
