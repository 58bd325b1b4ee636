"""What a service owes to others over HTTP: the ledger of shared/deliver/webhooks.py."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create it in the schema of the search path."""
    op.execute(
        """CREATE TABLE webhook (
            id uuid PRIMARY KEY, seq bigserial NOT NULL, target text NOT NULL, about uuid, event text NOT NULL,
            body text NOT NULL, state text NOT NULL, attempts integer NOT NULL, created_at timestamptz NOT NULL,
            next_try_at timestamptz, deadline_at timestamptz NOT NULL, settled_at timestamptz, status integer,
            reason text, class text NOT NULL, delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)"""
    )
    op.execute("CREATE INDEX webhook_due ON webhook (next_try_at, seq) WHERE state IN ('ready', 'retry', 'sending')")
    op.execute("CREATE INDEX webhook_by_state ON webhook (state, seq)")
