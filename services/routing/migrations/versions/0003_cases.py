"""What a case is found by, whose it is, what departments are asked, files of the house, and bulk actions."""

from alembic import op

revision = "routing_0003"
down_revision = "routing_0002"
branch_labels = None
depends_on = None

_KEPT = "class text NOT NULL, delete_after timestamptz, legal_hold boolean NOT NULL DEFAULT false"
# The words of cases that are there already, as services/routing/finding.py makes them of new ones.
_WORDS = """INSERT INTO case_search (complaint_id, words, class, delete_after, legal_hold)
    SELECT complaint_id, array_to_tsvector(array_agg(DISTINCT word)), class, delete_after, legal_hold FROM (
        SELECT c.*, 'n:' || substr(part, begins) AS word FROM case_file c,
            regexp_split_to_table(lower(customer_name), '\\s+') part,
            generate_series(1, CASE WHEN part ~ '[\u3400-\u9fff]' THEN length(part) ELSE 1 END) begins WHERE part <> ''
        UNION ALL SELECT c.*, 'p:' || reverse(phone_digits) FROM case_file c WHERE phone_digits <> ''
        UNION ALL SELECT c.*, 'r:' || lower(replace(reference, '-', '')) FROM case_file c WHERE reference <> ''
        UNION ALL SELECT c.*, 'r:' || lower(substr(reference, 4)) FROM case_file c WHERE reference LIKE 'AM-%'
        UNION ALL SELECT c.*, 'o:' || lower(regexp_replace(order_ref, '[^[:alnum:]]', '', 'g')) FROM case_file c
            WHERE order_ref <> ''
        UNION ALL SELECT c.*, 'e:' || lower(document ->> 'email') FROM case_file c WHERE document ->> 'email' <> ''
    ) found GROUP BY complaint_id, class, delete_after, legal_hold ON CONFLICT DO NOTHING"""
_STATEMENTS = (
    "ALTER TABLE case_file ADD COLUMN customer_id uuid, ADD COLUMN confirmed_at timestamptz",
    "UPDATE case_file SET customer_id = CAST(document ->> 'customer_id' AS uuid) "
    "WHERE document ->> 'customer_id' IS NOT NULL",
    "CREATE INDEX case_by_customer ON case_file (customer_id, received_at) WHERE customer_id IS NOT NULL",
    "CREATE INDEX case_confirmed ON case_file (confirmed_at) WHERE confirmed_at IS NOT NULL",
    f"CREATE TABLE case_search (complaint_id uuid PRIMARY KEY, words tsvector NOT NULL, {_KEPT})",
    "CREATE INDEX case_search_words ON case_search USING gin (words)",
    _WORDS,
    "DROP INDEX IF EXISTS case_by_reference, case_by_order, case_by_phone, case_by_name",
    f"""CREATE TABLE enquiry (enquiry_id uuid PRIMARY KEY, complaint_id uuid NOT NULL, department text NOT NULL,
        question text NOT NULL, customer jsonb NOT NULL, due timestamptz NOT NULL, asked_at timestamptz NOT NULL,
        answer text, answered_at timestamptz, {_KEPT})""",
    "CREATE INDEX enquiry_open ON enquiry (department, due) WHERE answered_at IS NULL",
    "CREATE INDEX enquiry_by_complaint ON enquiry (complaint_id)",
    f"""CREATE TABLE attachment (attachment_id uuid PRIMARY KEY, complaint_id uuid NOT NULL, name text NOT NULL,
        media_type text NOT NULL, sha256 bytea NOT NULL, content bytea NOT NULL, added_at timestamptz NOT NULL,
        added_by text NOT NULL, {_KEPT})""",
    "CREATE INDEX attachment_by_complaint ON attachment (complaint_id)",
    """CREATE TABLE bulk (actor text NOT NULL, key text NOT NULL, asked bytea NOT NULL, answer jsonb,
        at timestamptz NOT NULL, PRIMARY KEY (actor, key))""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
