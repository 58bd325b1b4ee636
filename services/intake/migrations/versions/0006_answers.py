"""Which mails machines of ours answered; and indexes for what the purge finds by its own age."""

from alembic import op

revision = "intake_0006_answers"
down_revision = "intake_0005_links"
branch_labels = None
depends_on = None

_PURGED = ("letter", "message", "attachment")


def upgrade() -> None:
    op.execute("ALTER TABLE answered ADD COLUMN told jsonb NOT NULL DEFAULT '[]'")
    for table in _PURGED:
        op.execute(f"CREATE INDEX {table}_due ON {table} (delete_after) WHERE delete_after IS NOT NULL")


def downgrade() -> None:
    for table in _PURGED:
        op.execute(f"DROP INDEX {table}_due")
    op.execute("ALTER TABLE answered DROP COLUMN told")
