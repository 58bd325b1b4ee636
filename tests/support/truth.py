"""What each panel must show: from the databases, or where only processes know, from what these say themselves."""

from collections.abc import Mapping

from deploy.grafana import letters, pipeline, sla
from deploy.grafana.model import Panel
from tests.support.answers import Bucket, Equal, Expected, Exposed, Near, Partly, Within
from tests.support.day import DEATHS

# Probes of both kinds are no part of statistics; they are part of the account, and of the work that is open.
OURS = "complaint_id NOT IN (SELECT complaint_id FROM intake.complaint WHERE probe IS NOT NULL)"


def counted(table: str) -> str:
    """A table without the rows of probes."""
    return f"(SELECT * FROM {table} WHERE {OURS}) AS counted"


DONE = "document ->> 'stopped_at' IS NOT NULL AND state IN ('met', 'breached')"
_STOPPED = "((document ->> 'stopped_at')::timestamptz)"
_STARTED = "((document ->> 'started_at')::timestamptz)"
_LATE = f"extract(epoch FROM {_STOPPED} - due_at)"
_RESPONSE = (
    f"SELECT k.tier, extract(epoch FROM {_STOPPED.replace('document', 'k.document')} - c.received_at)::float8 AS s "
    "FROM escalation.clock k JOIN escalation.complaint c USING (complaint_id) "
    f"WHERE k.{OURS} AND k.kind = 'first_response' "
    "AND k.document ->> 'stopped_at' IS NOT NULL AND k.state IN ('met', 'breached')"
)
_TURN = (
    "CASE WHEN state IN ('waiting', 'offered', 'disputed') THEN 'unassigned' "
    "WHEN state IN ('assigned', 'reopened', 'stage2') THEN 'working' WHEN state = 'waiting_customer' THEN 'customer' "
    "WHEN state = 'waiting_enquiry' THEN 'department' ELSE 'answered' END"
)
_OPEN = "kind = 'complaint' AND state NOT IN ('closed', 'withdrawn', 'referred_outside', 'received', 'triaged')"


_ALL = ("intake", "routing", "escalation", "notifier")
_ALIVE = tuple(s for s in _ALL if s not in DEATHS)  # through the whole day
_DIED = "who dies takes along what was counted since the last reading"


def _each(columns: str) -> str:
    """A number of each service's schema: `columns` is a scalar statement with {s} for the schema."""
    return " UNION ALL ".join(f"SELECT '{s}', ({columns.format(s=s)})::float8" for s in _ALL)


def _since(moment: str, source: str) -> str:
    """Seconds since the earliest moment; no row's number when there is none."""
    return f"SELECT extract(epoch FROM now() - min({moment})) FROM {source}"


_AGE = 15.0  # a reading is six seconds old and a scrape two, longer on a busy machine


def _share(part: str, whole: str, table: str, by: str = "") -> str:
    group, having = (f"GROUP BY {by}" if by else ""), f"HAVING count(*) FILTER (WHERE {whole}) > 0"
    columns = f"{by}, " if by else ""
    return (
        f"SELECT {columns}count(*) FILTER (WHERE {part})::float8 / count(*) FILTER (WHERE {whole}) FROM {table} "
        f"{group} {having}"
    )


def _count(table: str, by: str = "", where: str = "true") -> str:
    return f"SELECT {by + ', ' if by else ''}count(*) FROM {table} WHERE {where} {'GROUP BY 1' if by else ''}"


_CLOCK, _HISTORY = counted("escalation.clock"), counted("routing.history")
_LETTER, _PROMISE = counted("notifier.letter"), counted("notifier.promise")
_SETTLED = "state IN ('met', 'breached')"
_BURN = _share("state = 'breached'", _SETTLED, _CLOCK).replace("::float8 /", "::float8 / 0.05 /", 1)
_ACCOUNT = (
    "SELECT 'seen', (SELECT count(*) FROM intake.complaint WHERE came_by = 'post') "
    "+ (SELECT COALESCE(sum(count), 0) FROM intake.replayed) + (SELECT count(*) FROM intake.mail) "
    "+ (SELECT count(*) FROM intake.call) "
    "UNION ALL SELECT 'accepted', (SELECT count(*) FROM intake.complaint WHERE came_by = 'post' AND kind = 'complaint')"
    " + (SELECT count(*) FROM intake.mail WHERE outcome IN ('complaint', 'reply', 'chase')) "
    "UNION ALL SELECT 'not_complaint', "
    "(SELECT count(*) FROM intake.complaint WHERE came_by = 'post' AND kind <> 'complaint') "
    "UNION ALL SELECT 'duplicate', (SELECT COALESCE(sum(count), 0) FROM intake.replayed) "
    "+ (SELECT count(*) FROM intake.mail WHERE outcome = 'duplicate')"
)
_KEPT = "state = 'kept'"
_DUE = "state IN ('kept', 'broken')"
_CONFIRMED = "(kind = 'contact' AND data ->> 'confirmed' = 'true')"
_PROMISE_SECONDS = "SELECT extract(epoch FROM due_at - made_at)::float8 FROM " + _PROMISE
_HOUR, _DAY = 3600.0, 86400.0
LATENESS = (60, 300, 900, _HOUR, 4 * _HOUR, 8 * _HOUR, _DAY, 2 * _DAY, 5 * _DAY, 14 * _DAY, 28 * _DAY)
RESPONSE = (300, 900, 1800, _HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, _DAY, 2 * _DAY, 3 * _DAY, 5 * _DAY, 14 * _DAY)
PROMISED = tuple(d * _DAY for d in (0.25, 0.5, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 56, 84))

SLA: Mapping[str, tuple[Expected, ...]] = {
    "Do we keep our promises?": (Equal(_share("state = 'met'", _SETTLED, _CLOCK, "tier")),),
    "And today?": (Equal(_share("state = 'met'", _SETTLED, _CLOCK, "tier")),),
    "Which promise is the weak one?": (Equal(_share("state = 'met'", _SETTLED, _CLOCK, "kind")),),
    "Is attainment bought by pausing?": (Equal(f"SELECT DISTINCT tier, 0 FROM {_CLOCK} WHERE {DONE}"),),
    "How much of the error budget is left?": (
        Equal(
            "SELECT tier, 1 - count(*) FILTER (WHERE state = 'breached')::float8 / count(*) / 0.05 "
            f"FROM {_CLOCK} WHERE state IN ('met', 'breached') GROUP BY tier"
        ),
    ),
    "How fast is it burning?": (Equal(_BURN), Equal(_BURN)),
    "What falls due next?": (
        Equal(
            "SELECT CASE WHEN due_at <= now() THEN 'overdue' WHEN due_at <= now() + interval '1 hour' THEN '1h' "
            "WHEN due_at <= now() + interval '4 hours' THEN '4h' WHEN due_at <= now() + interval '1 day' THEN '1d' "
            "ELSE '3d' END, count(*) FROM escalation.clock WHERE live AND due_at <= now() + interval '3 days' "
            "GROUP BY 1"
        ),
    ),
    "How old is what is open?": (Equal(f"SELECT '1h', count(*) FROM routing.case_file WHERE {_OPEN}"),),
    "Whose turn is it?": (Equal(_count("routing.case_file", _TURN, _OPEN)),),
    "Does anybody wait without an owner?": (
        Equal(
            "SELECT tier, extract(epoch FROM now() - min(waiting_since))::float8 FROM routing.case_file "
            "WHERE kind = 'complaint' AND state IN ('waiting', 'offered', 'disputed') GROUP BY tier", slack=_AGE,
        ),
    ),
    "Is there room for the next one?": (
        Equal(
            "SELECT 'taken', count(*) FROM routing.case_file WHERE busy UNION ALL SELECT 'present', sum(capacity) "
            "FROM routing.handler WHERE presence = 'available'"
        ),
    ),
    "How long has the worst one been late?": (
        Equal(
            "SELECT tier, extract(epoch FROM now() - min(due_at))::float8 FROM escalation.clock "
            "WHERE live AND due_at <= now() GROUP BY tier", slack=10.0,
        ),
    ),
    "How many promises were missed?": (Equal(_count(_CLOCK, "kind", "state = 'breached'")),),
    "How late is late?": (
        Equal(f"SELECT tier, avg({_LATE})::float8 FROM {_CLOCK} WHERE {DONE} AND {_STOPPED} > due_at GROUP BY tier",
              slack=0.01),
    ),
    "And the worst of them?": (
        Bucket(f"SELECT tier, {_LATE}::float8 FROM {_CLOCK} WHERE {DONE} AND {_STOPPED} > due_at", 0.99, LATENESS),
    ),
    "How long until a person answers?": (Bucket(_RESPONSE, 0.5, RESPONSE), Bucket(_RESPONSE, 0.9, RESPONSE)),
    "How close to the limit do we work?": (
        Equal(
            f"SELECT kind, avg(CASE WHEN {_STOPPED} - {_STARTED} <= 0.75 * (due_at - {_STARTED}) THEN 1.0 ELSE 0 END)"
            f"::float8 FROM {_CLOCK} WHERE {DONE} GROUP BY kind"
        ),
    ),
    "How often must the ladder help?": (Equal(_count(counted("escalation.rung"), "action")),),
    "Do customers ask where the answer stays?": (Equal(_count("intake.message", "", "kind = 'chase'")),),
    "How fresh are these numbers?": (
        # A leader reads and then leads for another 30 s.
        Equal(_each("SELECT 30 - extract(epoch FROM until - now()) FROM {s}.lease"), slack=_AGE),
    ),
    "Do letters go out?": (
        Equal(_count(_LETTER, "state", "state IN ('sent', 'failed', 'unknown', 'blocked')")),
    ),
    "Do we do what we write?": (Equal(_share(_KEPT, _DUE, _PROMISE)),),
    "How did it go, hour by hour?": (Equal(_count(_CLOCK, "state", "state IN ('met', 'breached', 'cancelled')")),),
}  # fmt: skip
PIPELINE: Mapping[str, tuple[Expected, ...]] = {
    "What comes in?": (
        Near("SELECT channel, count(*) / 3600.0 FROM intake.complaint WHERE probe IS NULL GROUP BY channel"),
    ),
    "What is refused, and why?": (Near("VALUES ('invalid', 1), ('key_reused', 1)"),),
    "How long does a channel wait for our word?": (Exposed(("intake",), "amends_accept_seconds", ("channel",), 0.99),),
    "Is everything accounted for?": (Equal("SELECT 0"), Equal("SELECT 0")),
    "For how long is a message stuck?": (Equal(_since("seen_at", "intake.mail WHERE outcome IS NULL"), slack=_AGE),),
    "What became of what we saw?": (Equal(_ACCOUNT),),
    "Did the topic lose anything?": (Equal("SELECT 0"),),
    "How far behind the facts does each service act?": (
        Partly(
            Exposed(_ALIVE, "amends_event_age_seconds", ("service",), 0.99),
            tuple((s,) for s in _ALIVE),
            Within(0, 3600, 4, _DIED),
        ),
    ),
    "Who is behind?": (Equal("VALUES ('intake', 0), ('routing', 0), ('escalation', 0), ('notifier', 0)"),),
    "Does somebody read for each service?": (
        Equal(_each(_since("COALESCE(caught_up_at, assigned_at)", "{s}.consumer_position")), slack=_AGE),
    ),
    "Which events wait for a person?": (
        Equal(
            " UNION ALL ".join(
                f"SELECT '{s}', count(*) FROM {s}.parked WHERE state IN ('parked', 'queued', 'retry', 'discard')"
                for s in ("intake", "routing", "escalation", "notifier")
            )
        ),
    ),
    "How many customers does that concern?": (Equal("SELECT count(DISTINCT complaint_id) FROM routing.parked"),),
    "Does what happens reach the others?": (Equal(_each("SELECT count(*) FROM {s}.outbox")),),
    "For how long has nothing come out?": (Equal(_each(_since("created_at", "{s}.outbox")), slack=_AGE),),
    "What is read, and with what result?": (
        Partly(Near("VALUES ('parked', 4 / 3600.0)"), (("parked",),), Within(0, 1, 4, _DIED)),
    ),
    "Do deadlines fire on time?": (Within(0, 60, 1, _DIED),),
    "Is a timer overdue now?": (Equal(_each(_since("fire_at", "{s}.timer WHERE fire_at <= now()")), slack=_AGE),),
    "How many clocks fired before the backlog was read?": (
        Within(0, 50, 4, "how far reading is behind at a moment, no database knows"),
    ),
    "How long until somebody is asked?": (Exposed(("routing",), "amends_route_seconds", (), 0.9),),
    "Do complaints find their people?": (Near(_count("routing.explanation", "outcome")),),
    "Do handlers take what they are offered?": (Equal(_count("routing.offer", "state", "state <> 'open'")),),
    "Who is there?": (Equal(_count("routing.handler", "presence")),),
    "Is the mail server slow?": (Within(0, 60, 1, _DIED),),
    "Is a service short of connections?": (Within(0, 1, 8, "another number at each moment"),),
    "Do database or broker fail now and then?": (Within(0, 100, 4, "what fails for a moment leaves nothing behind"),),
    "Do consumers come and go?": (Within(0, 30, 4, "the broker gives out partitions as it likes"),),
    "Did a consumer stop itself?": (
        Equal(
            _each("SELECT count(*) >= 20 FROM {s}.parked WHERE parked_at > now() - interval '10 minutes'").replace(
                ")::float8", ")::int::float8"
            )
        ),
    ),
    "Are processes started anew?": (
        # A new life to die in and one after each death; of two within a reading's distance one is seen.
        Within(len(DEATHS), sum(1 + len(at) for at in DEATHS.values()), 1, "lives shorter than a reading's distance"),
    ),
    "Is collecting a burden?": (Exposed(_ALL, "amends_state_collect_seconds", ("service",)),),
}
LETTERS: Mapping[str, tuple[Expected, ...]] = {
    "What became of our letters?": SLA["Do letters go out?"],
    "Which letters do we write?": (Equal(_count(_LETTER, "kind", "state = 'sent'")),),
    "Which letters wait, and for whom?": (
        Equal(_count("notifier.letter", "state", "state IN ('unknown', 'failed', 'blocked', 'no_address')")),
    ),
    "Does mail flow?": (
        Equal(
            "SELECT extract(epoch FROM now() - min(CASE state WHEN 'retry' THEN created_at ELSE next_try_at END))"
            "::float8 FROM notifier.letter WHERE state = 'retry' OR (state = 'ready' AND next_try_at <= now())",
            slack=_AGE,
        ),
    ),
    "What share fails?": (
        Equal(_share("state IN ('failed', 'unknown')", "state IN ('sent', 'failed', 'unknown')", _LETTER)),
    ),
    "Did they come back?": (Equal("SELECT count(*) FROM intake.mail WHERE outcome = 'bounce'"),),
    "Do we do what we write?": (Equal(_share(_KEPT, _DUE, _PROMISE, "kind")),),
    "How much do we promise?": (
        Equal(
            f"SELECT (SELECT count(*) FROM {_PROMISE})::float8 / count(*) FROM {_HISTORY} "
            "WHERE kind = 'decided' AND data ->> 'overall' IN ('upheld', 'partly')"
        ),
    ),
    "How much time do we give ourselves?": (Bucket(_PROMISE_SECONDS, 0.5, PROMISED),),
    "How often are customers right?": (Equal(_count(_HISTORY, "data ->> 'overall'", "kind = 'decided'")),),
    "What share is not upheld?": (
        Equal(_share("data ->> 'overall' = 'not_upheld'", "kind = 'decided'", _HISTORY)),
    ),
    "And how often does a second look disagree?": (
        Equal(
            "SELECT avg(CASE WHEN b.data ->> 'overall' <> a.data ->> 'overall' THEN 1.0 ELSE 0 END)::float8 "
            "FROM routing.history a JOIN routing.history b USING (complaint_id) WHERE a.kind = 'decided' "
            "AND b.kind = 'decided' AND a.data ->> 'stage' = '1' AND b.data ->> 'stage' = '2'"
        ),
    ),
    "How often is one contact enough?": (
        # The whole history of a case: nothing in this day happens later than thirty days after.
        Equal(
            "SELECT avg(CASE WHEN (SELECT count(*) FROM routing.history h WHERE h.complaint_id = c.complaint_id "
            "AND (kind = 'contact' AND data ->> 'outcome' = 'reached' OR kind IN ('customer_replied', 'chased', "
            "'outcome_disputed', 'reopen_requested'))) <= 1 THEN 1.0 ELSE 0 END)::float8 "
            f"FROM routing.case_file c WHERE c.{OURS} AND confirmed_at < now() - interval '30 days'"
        ),
    ),
    "And how does that look lately?": (
        Equal(
            "SELECT avg(CASE WHEN (SELECT count(*) FROM routing.history c WHERE c.complaint_id = h.complaint_id "
            "AND c.kind = 'contact' AND c.data ->> 'outcome' = 'reached') <= 1 THEN 1.0 ELSE 0 END)::float8 "
            "FROM routing.history h WHERE kind = 'resolved'"
        ),
    ),
    "And what do customers say?": (
        Equal(
            f"SELECT count(*) FILTER (WHERE kind = 'outcome_accepted' OR {_CONFIRMED})::float8 / count(*) "
            f"FROM {_HISTORY} WHERE {_CONFIRMED} "
            "OR kind IN ('outcome_accepted', 'outcome_disputed', 'reopen_requested')"
        ),
    ),
    "How do cases end?": (Equal(_count(_HISTORY, "data ->> 'reason'", "kind = 'closed'")),),
    "And how often was closed not settled?": (
        Equal(f"SELECT 'customer', count(*) FROM {_HISTORY} WHERE kind = 'reopened'"),
    ),
    "Do we reach them?": (Equal(_count(_HISTORY, "data ->> 'outcome'", "kind = 'contact'")),),
}  # fmt: skip
_BURNS = (
    f"SELECT EXISTS (SELECT FROM {_CLOCK} WHERE state IN ('met', 'breached') GROUP BY tier "
    "HAVING count(*) >= 5 AND count(*) FILTER (WHERE state = 'breached') > {} * count(*))"
)
# Whether an alert's condition holds; those that are not named have no reason.
ALERTS: Mapping[str, str] = {
    "SlaBurnFast": _BURNS.format(0.72),
    "SlaBurnSlow": _BURNS.format(0.3),
    "SlaBudgetSpent": _BURNS.format(0.05),
    "ParkedMessages": "SELECT EXISTS (SELECT FROM routing.parked WHERE state = 'parked')",
    "LettersFailing": (
        f"SELECT count(*) >= 5 AND count(*) FILTER (WHERE state <> 'sent') > 0.1 * count(*) FROM {_LETTER} "
        "WHERE state IN ('sent', 'failed', 'unknown', 'blocked')"
    ),
}
BOARDS = ((sla.BOARD, SLA), (pipeline.BOARD, PIPELINE), (letters.BOARD, LETTERS))


def unnamed() -> list[str]:
    """Panels without a truth, and truths without a panel."""
    return [
        f"{board.title}: {title}"
        for board, truths in BOARDS
        for title in {p.title for p in board.panels} ^ set(truths)
    ]  # fmt: skip


def questions() -> list[tuple[str, Panel, int, Expected]]:
    """Every query of every panel of Prometheus with its truth."""
    return [
        (board.title, panel, n, truths[panel.title][n])
        for board, truths in BOARDS
        for panel in board.panels
        for n in range(len(panel.queries))
    ]
