"""Routing's own tables, as tables.py describes them, and the indexes that its rounds, reads and searches need."""

from alembic import op

revision = "routing_0001"
down_revision = None
branch_labels = None
depends_on = None

_KEPT = "class text NOT NULL, delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false"

_TABLES = (
    f"""CREATE TABLE case_file (
        complaint_id uuid PRIMARY KEY, version integer NOT NULL, kind text NOT NULL, state text NOT NULL,
        reference text NOT NULL, queue text NOT NULL, tier text NOT NULL, severity text NOT NULL,
        rank smallint NOT NULL, order_at timestamptz NOT NULL, due_at timestamptz, received_at timestamptz,
        waiting_since timestamptz, queued boolean NOT NULL, busy boolean NOT NULL, handler_id text,
        signature text NOT NULL, wanted jsonb NOT NULL, unroutable boolean NOT NULL, lead_wanted text,
        customer_name text NOT NULL, phone_digits text NOT NULL, order_ref text NOT NULL,
        document jsonb NOT NULL, {_KEPT})""",
    # A round takes the first cases of each signature; both the signatures and their cases come from this index.
    "CREATE INDEX case_queued ON case_file (signature, rank, order_at) WHERE queued",
    "CREATE INDEX case_busy ON case_file (handler_id) WHERE busy",
    "CREATE INDEX case_by_handler ON case_file (handler_id, due_at) WHERE handler_id IS NOT NULL",
    "CREATE INDEX case_by_state ON case_file (state, rank, order_at)",
    "CREATE INDEX case_by_queue ON case_file (queue, rank, order_at)",
    "CREATE INDEX case_for_lead ON case_file (complaint_id) WHERE lead_wanted IS NOT NULL OR unroutable",
    "CREATE INDEX case_by_reference ON case_file (reference)",
    "CREATE INDEX case_by_order ON case_file (order_ref) WHERE order_ref <> ''",
    "CREATE INDEX case_by_phone ON case_file (reverse(phone_digits) text_pattern_ops) WHERE phone_digits <> ''",
    "CREATE INDEX case_by_name ON case_file (lower(customer_name) text_pattern_ops)",
    f"""CREATE TABLE history (
        complaint_id uuid NOT NULL, n integer NOT NULL, at timestamptz NOT NULL, kind text NOT NULL,
        actor text NOT NULL, data jsonb NOT NULL, {_KEPT}, PRIMARY KEY (complaint_id, n))""",
    """CREATE TABLE offer (
        offer_id uuid PRIMARY KEY, complaint_id uuid NOT NULL, handler_id text NOT NULL, state text NOT NULL,
        made_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, ended_at timestamptz, reason text)""",
    "CREATE UNIQUE INDEX offer_one_open ON offer (complaint_id) WHERE state = 'open'",
    "CREATE INDEX offer_by_complaint ON offer (complaint_id, made_at)",
    "CREATE INDEX offer_open_by_handler ON offer (handler_id, expires_at) WHERE state = 'open'",
    """CREATE TABLE handler (
        id text PRIMARY KEY, name text NOT NULL, role_title text NOT NULL, contact text NOT NULL,
        tiers text[] NOT NULL, skills jsonb NOT NULL, languages text[] NOT NULL, capacity integer NOT NULL,
        authority jsonb NOT NULL, permissions text[] NOT NULL, calendar text NOT NULL, zone text NOT NULL,
        shifts jsonb NOT NULL, presence text NOT NULL, presence_since timestamptz, given_at timestamptz,
        expired_in_row integer NOT NULL, revision integer NOT NULL)""",
    """CREATE TABLE explanation (
        complaint_id uuid NOT NULL, version integer NOT NULL, at timestamptz NOT NULL, outcome text NOT NULL,
        document jsonb NOT NULL, PRIMARY KEY (complaint_id, version))""",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)
