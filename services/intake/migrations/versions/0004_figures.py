"""The account of what was seen becomes totals, counted on from what the rows say now."""

from alembic import op

revision = "intake_0004_figures"
down_revision = "intake_0003_web"
branch_labels = None
depends_on = None

_NOW = """
    SELECT source, CASE WHEN kind = 'complaint' THEN 'accepted' ELSE 'not_complaint' END AS became, count(*) AS n
    FROM complaint WHERE came_by = 'post' GROUP BY 1, 2
    UNION ALL SELECT source, 'duplicate', count FROM replayed
    UNION ALL
    SELECT source, CASE
             WHEN outcome IS NULL THEN 'gap' WHEN outcome IN ('complaint', 'reply', 'chase') THEN 'accepted'
             WHEN outcome IN ('duplicate', 'quarantined') THEN outcome ELSE 'not_complaint' END, count(*)
    FROM mail GROUP BY 1, 2
    UNION ALL
    SELECT source, CASE WHEN complaint_id IS NULL AND settle_at IS NOT NULL THEN 'gap'
             WHEN outcome IN ('complaint', 'reply', 'chase') THEN 'accepted' ELSE 'not_complaint' END, count(*)
    FROM call GROUP BY 1, 2
"""
_STATEMENTS = (
    "INSERT INTO total (metric, labels, shard, n) "
    "SELECT 'amends_intake_messages', format('[\"%s\",\"%s\"]', source, became), 0, sum(n) "
    f"FROM (SELECT source, became, n FROM ({_NOW}) AS a WHERE became <> 'gap' "
    f"UNION ALL SELECT source, 'seen', n FROM ({_NOW}) AS b) AS account GROUP BY source, became",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
