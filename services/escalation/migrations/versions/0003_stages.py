"""How long each stage of a complaint took, for warnings before any clock is in danger."""

from alembic import op

revision = "escalation_0003"
down_revision = "escalation_0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE stage (
        complaint_id uuid NOT NULL, stage text NOT NULL, kind text NOT NULL, calendar text NOT NULL,
        began_at timestamptz NOT NULL, ended_at timestamptz, took double precision, over boolean NOT NULL,
        PRIMARY KEY (complaint_id, stage)) WITH (fillfactor = 80)""",
    "CREATE INDEX stage_past ON stage (stage, ended_at) INCLUDE (kind, took) WHERE took IS NOT NULL AND NOT over",
    "CREATE INDEX stage_open ON stage (began_at) WHERE ended_at IS NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE stage")
