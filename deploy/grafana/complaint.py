"""Board "One complaint": its clocks, letters and history by reference.

From PostgreSQL, for metrics know no single complaint. The queries read kinds, states and times, no words and no names;
GRANTS makes a role that may read these columns and nothing else.
"""

from .model import COMPLAINT, PIPELINE, SLA, Board, Panel, Query, to

_ID = "SELECT complaint_id FROM routing.case_file WHERE reference = ${reference:sqlstring}"

CASE = (
    Panel("Where does it stand?", "State, queue, tier and since when it waits.",
          (Query(f"SELECT state, queue, tier, severity, handler_id AS handler, received_at, waiting_since "
                 f"FROM routing.case_file WHERE complaint_id = ({_ID})", sql=True),), kind="table", width=16,
          none="no complaint with this reference"),
    Panel("Open it", "The case on the desk, and what else can be asked.", (), kind="text", width=8,
          text="[The case on the desk]($desk/desk?q=${reference})\n\n[SLA](/d/amends-sla)"
               "  ·  [Pipeline](/d/amends-pipeline)"),
    Panel("Which promises run?", "Its clocks with their deadlines; live ones first.",
          (Query(f"SELECT kind, pack, state, due_at, round(EXTRACT(EPOCH FROM due_at - now())) AS seconds_left "
                 f"FROM escalation.clock WHERE complaint_id = ({_ID}) ORDER BY live DESC, due_at", sql=True),),
          kind="table", width=12, none="no clock yet"),
    Panel("What did we write?", "Its letters, with attempts and when they were sent.",
          (Query(f"SELECT kind, state, attempts, created_at, sent_at FROM notifier.letter "
                 f"WHERE complaint_id = ({_ID}) ORDER BY created_at", sql=True),), kind="table", width=12,
          none="no letter yet"),
    Panel("What happened?", "Its history as routing keeps it: kinds and times, no words.",
          (Query(f"SELECT at, kind FROM routing.history WHERE complaint_id = ({_ID}) ORDER BY n", sql=True),),
          kind="table", width=12, none="nothing yet"),
    Panel("What did we promise in letters?", "Promises and what became of them.",
          (Query(f"SELECT kind, state, due_at, settled_at FROM notifier.promise WHERE complaint_id = ({_ID}) "
                 f"ORDER BY due_at", sql=True),), kind="table", width=12, none="nothing was promised"),
)  # fmt: skip

BOARD = Board(
    COMPLAINT, "Amends: One complaint", "Everything about one complaint that needs no words, by its reference.",
    (("The complaint", CASE),), variables=("reference", "desk"), links=(("SLA", to(SLA)), ("Pipeline", to(PIPELINE))),
    span="now-30d",
    annotations=(
        ("What happened", f"SELECT at AS time, kind AS text FROM routing.history WHERE complaint_id = ({_ID})"),
        ("Deadlines", f"SELECT due_at AS time, kind || ' due' AS text FROM escalation.clock "
                      f"WHERE complaint_id = ({_ID})"),
        ("Letters", f"SELECT sent_at AS time, kind || ' sent' AS text FROM notifier.letter "
                    f"WHERE complaint_id = ({_ID}) AND sent_at IS NOT NULL"),
    ),
)  # fmt: skip

GRANTS = """\
CREATE ROLE amends_board LOGIN PASSWORD 'choose one';
GRANT USAGE ON SCHEMA routing, escalation, notifier TO amends_board;
GRANT SELECT (complaint_id, reference, state, queue, tier, severity, handler_id, received_at, waiting_since)
  ON routing.case_file TO amends_board;
GRANT SELECT (complaint_id, n, at, kind) ON routing.history TO amends_board;
GRANT SELECT (complaint_id, kind, pack, state, live, due_at) ON escalation.clock TO amends_board;
GRANT SELECT (complaint_id, kind, state, attempts, created_at, sent_at) ON notifier.letter TO amends_board;
GRANT SELECT (complaint_id, kind, state, due_at, settled_at) ON notifier.promise TO amends_board;
"""
