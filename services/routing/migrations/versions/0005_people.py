"""Accounts, sessions and tries to sign in; the reply library; teams and ability sheets."""

from alembic import op

revision = "routing_0005"
down_revision = "routing_0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE account (
        name text PRIMARY KEY, role text NOT NULL, password text, subject text UNIQUE, made_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL, disabled_at timestamptz)""",
    """CREATE TABLE session (
        session_id uuid PRIMARY KEY, name text NOT NULL, way text NOT NULL, device text NOT NULL,
        made_at timestamptz NOT NULL, ends_at timestamptz NOT NULL, ended_at timestamptz, ended_by text)""",
    "CREATE INDEX session_of ON session (name, made_at) WHERE ended_at IS NULL",
    "CREATE INDEX session_ends ON session (ends_at)",
    """CREATE TABLE sign_in_attempt (
        name_hash bytea NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (name_hash, at))""",
    "CREATE INDEX sign_in_attempt_at ON sign_in_attempt (at)",
    """CREATE TABLE reply (
        reply_id uuid PRIMARY KEY, version integer NOT NULL, cause text NOT NULL, language text NOT NULL,
        title text NOT NULL, text text NOT NULL, owner text NOT NULL, archived boolean NOT NULL,
        changed_at timestamptz NOT NULL, changed_by text NOT NULL)""",
    "CREATE INDEX reply_for ON reply (cause, language)",
    """CREATE TABLE reply_version (
        reply_id uuid NOT NULL, version integer NOT NULL, what text NOT NULL, at timestamptz NOT NULL,
        by text NOT NULL, cause text NOT NULL, language text NOT NULL, title text NOT NULL, text text NOT NULL,
        owner text NOT NULL, PRIMARY KEY (reply_id, version))""",
    "CREATE TABLE team (handler_id text PRIMARY KEY, lead text NOT NULL)",
    "CREATE INDEX team_of ON team (lead)",
    "CREATE INDEX offer_by_handler ON offer (handler_id, made_at)",
    """CREATE TABLE ability_sheet (
        handler_id text NOT NULL, quarter text NOT NULL, side text NOT NULL, by text NOT NULL,
        at timestamptz NOT NULL, scores jsonb NOT NULL, words text NOT NULL,
        PRIMARY KEY (handler_id, quarter, side))""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
