"""Intake's own tables, as tables.py describes them, and the indexes that their queries need."""

from alembic import op

revision = "intake_0001"
down_revision = None
branch_labels = None
depends_on = None

_KEPT = "class text NOT NULL, delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false"

_TABLES = (
    f"""CREATE TABLE complaint (
        complaint_id uuid PRIMARY KEY, reference text NOT NULL UNIQUE, source text NOT NULL, came_by text NOT NULL,
        kind text NOT NULL, channel text NOT NULL, customer_id uuid NOT NULL, language text NOT NULL,
        email text, phone text,
        body text NOT NULL, body_hash bytea NOT NULL, received_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL, probe text, {_KEPT})""",
    "CREATE INDEX complaint_by_customer ON complaint (customer_id, received_at DESC)",
    "CREATE INDEX complaint_by_source ON complaint (came_by, source, kind)",
    """CREATE TABLE tracking (
        complaint_id uuid PRIMARY KEY, version integer NOT NULL, open boolean NOT NULL, handler_id text, cause text,
        document jsonb NOT NULL)""",
    f"""CREATE TABLE letter (
        letter_id uuid PRIMARY KEY, complaint_id uuid NOT NULL, message_id text NOT NULL, kind text NOT NULL,
        language text NOT NULL, subject text NOT NULL, text text NOT NULL, sent_at timestamptz NOT NULL,
        decision_id uuid, {_KEPT})""",
    "CREATE INDEX letter_by_message_id ON letter (message_id)",
    "CREATE INDEX letter_by_complaint ON letter (complaint_id, sent_at)",
    f"""CREATE TABLE message (
        message_id uuid PRIMARY KEY, complaint_id uuid NOT NULL, kind text NOT NULL, source text NOT NULL,
        body text NOT NULL, received_at timestamptz NOT NULL, {_KEPT})""",
    "CREATE INDEX message_by_complaint ON message (complaint_id, received_at)",
    f"""CREATE TABLE customer (
        customer_id uuid PRIMARY KEY, external_id text UNIQUE, tier text NOT NULL, language text, relation text,
        since timestamptz, person jsonb NOT NULL, {_KEPT})""",
    "CREATE TABLE contact (kind text, value text, customer_id uuid NOT NULL, PRIMARY KEY (kind, value))",
    "CREATE INDEX contact_by_customer ON contact (customer_id)",
    f"""CREATE TABLE file (
        sha256 bytea PRIMARY KEY, size bigint NOT NULL, content bytea NOT NULL, {_KEPT})""",
    f"""CREATE TABLE attachment (
        attachment_id uuid PRIMARY KEY, complaint_id uuid NOT NULL, message_id uuid, sha256 bytea NOT NULL,
        name text NOT NULL, media_type text NOT NULL, {_KEPT})""",
    "CREATE INDEX attachment_by_complaint ON attachment (complaint_id)",
    f"CREATE TABLE raw_mail (sha256 bytea PRIMARY KEY, content bytea NOT NULL, {_KEPT})",
    """CREATE TABLE mail (
        raw_id uuid PRIMARY KEY, sha256 bytea NOT NULL, source text NOT NULL, seen_at timestamptz NOT NULL,
        tries smallint NOT NULL, retry_at timestamptz NOT NULL, outcome text, reason text, complaint_id uuid,
        decided_at timestamptz)""",
    "CREATE INDEX mail_undecided ON mail (retry_at) WHERE outcome IS NULL",
    "CREATE INDEX mail_by_source ON mail (source, outcome)",
    """CREATE TABLE mail_content (
        content_id uuid PRIMARY KEY, raw_id uuid NOT NULL, outcome text NOT NULL, complaint_id uuid)""",
    f"""CREATE TABLE call (
        call_key uuid PRIMARY KEY, source text NOT NULL, call_id text NOT NULL, reference text NOT NULL,
        document jsonb NOT NULL, outcome text NOT NULL, complaint_id uuid, said text NOT NULL,
        settle_at timestamptz, seen_at timestamptz NOT NULL, {_KEPT})""",
    "CREATE INDEX call_unsettled ON call (settle_at) WHERE settle_at IS NOT NULL",
    "CREATE TABLE replayed (source text PRIMARY KEY, count bigint NOT NULL)",
    """CREATE TABLE channel_key (
        key_hash bytea PRIMARY KEY, name text NOT NULL, scopes text[] NOT NULL, created_at timestamptz NOT NULL,
        expires_at timestamptz, revoked_at timestamptz)""",
    "CREATE INDEX channel_key_by_name ON channel_key (name)",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "channel_key", "replayed", "call", "mail_content", "mail", "raw_mail", "attachment", "file", "contact",
        "customer", "message", "letter", "tracking", "complaint",
    ):  # fmt: skip
        op.execute(f"DROP TABLE {table}")
