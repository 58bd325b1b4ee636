"""Outcomes move to the spine's totals; clocks know their tier, so that what is due can be counted from one index.

No release counted in the old table, so it goes at once.
"""

from alembic import op

revision = "escalation_0002"
down_revision = "escalation_0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """INSERT INTO total (metric, labels, shard, n)
        SELECT 'amends_sla_outcome_total', format('["%s","%s","%s"]', kind, tier, outcome), 0, sum(n)
        FROM outcome GROUP BY kind, tier, outcome""",
    "DROP TABLE outcome",
    "ALTER TABLE clock ADD COLUMN tier text NOT NULL DEFAULT ''",
    "UPDATE clock SET tier = complaint.tier FROM complaint WHERE complaint.complaint_id = clock.complaint_id",
    "CREATE INDEX clock_due ON clock (due_at) INCLUDE (kind, tier) WHERE live",
    "DROP INDEX clock_by_due",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
