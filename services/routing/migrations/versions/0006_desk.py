"""Drafts of the desk's forms, and the indexes that the week's sample and the declines need."""

from alembic import op

revision = "routing_desk"
down_revision = "routing_0005"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE draft (
        complaint_id uuid NOT NULL, handler_id text NOT NULL, kind text NOT NULL, at timestamptz NOT NULL,
        fields jsonb NOT NULL, class text NOT NULL, delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false,
        PRIMARY KEY (complaint_id, handler_id, kind))""",
    "CREATE INDEX draft_old ON draft (delete_after)",
    "CREATE INDEX offer_by_time ON offer (made_at)",
    "CREATE INDEX case_by_receipt ON case_file (received_at)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
