"""A complaint's row is changed in place: no index looks into its document.

Whether a complaint is a probe stands with its letters, where the sender reads it. Promises are found by
`promise_of_complaint`; the index of 0006 had the same columns at its front.
"""

from alembic import op

revision = "notifier_0008"
down_revision = "notifier_0007"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE letter ADD COLUMN probe boolean NOT NULL DEFAULT false",
    """UPDATE letter SET probe = true FROM matter
        WHERE matter.complaint_id = letter.complaint_id AND matter.document ? 'probe'""",
    "DROP INDEX matter_of_probe",
    "DROP INDEX promise_by_complaint",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("CREATE INDEX promise_by_complaint ON promise (complaint_id)")
    op.execute("CREATE INDEX matter_of_probe ON matter (complaint_id) WHERE document ? 'probe'")
    op.execute("ALTER TABLE letter DROP COLUMN probe")
