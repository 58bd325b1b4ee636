"""One index on references instead of two: the one that finds by their beginning also keeps them apart."""

from alembic import op

revision = "intake_0007_reference"
down_revision = "intake_0006_answers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE UNIQUE INDEX complaint_reference ON complaint (reference text_pattern_ops)")
    op.execute("DROP INDEX complaint_reference_beginning")
    op.execute("ALTER TABLE complaint DROP CONSTRAINT complaint_reference_key")


def downgrade() -> None:
    op.execute("ALTER TABLE complaint ADD CONSTRAINT complaint_reference_key UNIQUE (reference)")
    op.execute("CREATE INDEX complaint_reference_beginning ON complaint (reference text_pattern_ops)")
    op.execute("DROP INDEX complaint_reference")
