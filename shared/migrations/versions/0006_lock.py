"""Complaints are locked by a function: each of its statements sees what was committed before it began.

In one statement, a complaint whose row somebody made after the statement had begun was neither new nor known: locking
it out of its turn could end in a deadlock. Here rows that are missing are made first (who waits there holds nothing
that others can see), and then all are there and are locked in the one order.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the function in the schema of the search path."""
    op.execute("""
        CREATE FUNCTION lock_streams(ids uuid[]) RETURNS SETOF stream LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO stream (complaint_id, sequence, stalled)
            SELECT u.id, 0, false FROM unnest(ids) WITH ORDINALITY AS u(id, n)
            WHERE NOT EXISTS (SELECT FROM stream k WHERE k.complaint_id = u.id) ORDER BY u.n
            ON CONFLICT DO NOTHING;
          RETURN QUERY SELECT s.* FROM unnest(ids) WITH ORDINALITY AS u(id, n)
            JOIN stream s ON s.complaint_id = u.id ORDER BY u.n FOR UPDATE OF s;
        END $$
    """)
