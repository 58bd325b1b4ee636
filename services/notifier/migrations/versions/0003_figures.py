"""What became of letters moves to the spine's totals; open promises are counted from their index alone.

No release counted in the old table, so it goes at once.
"""

from alembic import op

revision = "notifier_0003"
down_revision = "notifier_0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """INSERT INTO total (metric, labels, shard, n)
        SELECT 'amends_letters_total', format('["%s","%s"]', kind, outcome), 0, sum(n)
        FROM letter_total GROUP BY kind, outcome""",
    "DROP TABLE letter_total",
    "DROP INDEX promise_open",
    "CREATE INDEX promise_open ON promise (complaint_id) INCLUDE (kind) WHERE state = 'open'",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
