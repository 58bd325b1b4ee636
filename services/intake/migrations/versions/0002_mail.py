"""Mail: mailboxes that are fetched, when a carrier took a mail, rescue by a person, and who was answered lately."""

from alembic import op

revision = "intake_0002_mail"
down_revision = "intake_0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE mail ADD COLUMN received_at timestamptz, ADD COLUMN uidvalidity bigint, ADD COLUMN uid bigint, "
    "ADD COLUMN rescued_by text",
    # One message of one mailbox is one arrival, whoever fetches it and however often.
    "CREATE UNIQUE INDEX mail_by_uid ON mail (source, uidvalidity, uid)",
    "CREATE INDEX mail_by_outcome ON mail (outcome, seen_at) WHERE outcome IN ('spam', 'quarantined', 'auto_reply')",
    """CREATE TABLE mailbox (
        name text PRIMARY KEY, uidvalidity bigint NOT NULL, uid bigint NOT NULL, holder text,
        held_until timestamptz, on_server bigint NOT NULL, waiting bigint NOT NULL, compared_at timestamptz)""",
    "CREATE TABLE answered (sender bytea PRIMARY KEY, at timestamptz NOT NULL)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE answered")
    op.execute("DROP TABLE mailbox")
    op.execute("DROP INDEX mail_by_outcome")
    op.execute("DROP INDEX mail_by_uid")
    op.execute(
        "ALTER TABLE mail DROP COLUMN received_at, DROP COLUMN uidvalidity, DROP COLUMN uid, DROP COLUMN rescued_by"
    )
