"""The order that a complaint is about, by which complaints of one matter are found; and what the purge looks for."""

from alembic import op

revision = "intake_0005_links"
down_revision = "intake_0004_figures"
branch_labels = None
depends_on = None

_PURGED = ("complaint", "call", "raw_mail", "file")


def upgrade() -> None:
    op.execute("CREATE TABLE matter (complaint_id uuid PRIMARY KEY, order_ref text NOT NULL)")
    op.execute("CREATE INDEX matter_by_order ON matter (order_ref)")
    for table in _PURGED:
        op.execute(f"CREATE INDEX {table}_due ON {table} (delete_after) WHERE delete_after IS NOT NULL")
    op.execute("CREATE INDEX attachment_by_file ON attachment (sha256)")


def downgrade() -> None:
    op.execute("DROP INDEX attachment_by_file")
    for table in _PURGED:
        op.execute(f"DROP INDEX {table}_due")
    op.execute("DROP TABLE matter")
