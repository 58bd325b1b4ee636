"""What routing shows of its cases and people, read for metrics; and what its events add to totals."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events import routing as r
from shared.spine.collector import stamp
from shared.spine.figures import Figures, Sample

from .. import metrics as m
from .. import states
from . import matters

# Both read their index alone: case_by_state holds every column that is asked for.
_OPEN = text(
    "SELECT tier, state, CASE WHEN received_at > now() - interval '1 hour' THEN '1h' "
    "WHEN received_at > now() - interval '4 hours' THEN '4h' WHEN received_at > now() - interval '1 day' THEN '1d' "
    "WHEN received_at > now() - interval '3 days' THEN '3d' WHEN received_at > now() - interval '10 days' THEN '10d' "
    "ELSE 'older' END AS age, count(*) AS n, min(waiting_since) AS since "
    "FROM case_file WHERE state = ANY(CAST(:states AS text[])) AND kind = 'complaint' GROUP BY 1, 2, 3"
)
_UNROUTABLE = text("SELECT queue, count(*) AS n FROM case_file WHERE unroutable AND queued GROUP BY queue")
_PEOPLE = text(
    "SELECT presence, count(*) AS n, COALESCE(sum(capacity) FILTER (WHERE presence NOT IN ('away', 'break')), 0) "
    "AS present, (SELECT COALESCE(sum(weight), 0) FROM case_file WHERE busy) AS taken FROM handler GROUP BY presence"
)


async def read(tx: AsyncConnection) -> Iterable[Sample]:
    """Open complaints, who waits longest for a handler, and what room there is."""
    opened: dict[tuple[str, str, str], int] = {}
    oldest: dict[str, float] = {}
    for row in await tx.execute(_OPEN, {"states": list(states.OPEN)}):
        stage = m.stage_of(row.state)
        key = (row.tier, stage, row.age)
        opened[key] = opened.get(key, 0) + row.n
        if stage == "unassigned" and row.since:
            oldest[row.tier] = min(oldest.get(row.tier, float("inf")), stamp(row.since))
    stuck = (await tx.execute(_UNROUTABLE)).all()
    first_contacts = (await tx.execute(matters.RECENT)).all()
    people = (await tx.execute(_PEOPLE)).all()
    return [
        *(m.OPEN_CASES.at(n, *key) for key, n in opened.items()),
        *(m.OLDEST_UNASSIGNED.at(at, tier) for tier, at in oldest.items()),
        *(m.UNROUTABLE.at(row.n, row.queue) for row in stuck),
        *(m.FIRST_CONTACT.at(row.n, row.result) for row in first_contacts),
        *(m.HANDLERS.at(row.n, row.presence) for row in people),
        m.PLACES.at(sum(row.present for row in people), "present"),
        m.PLACES.at(max((row.taken for row in people), default=0), "taken"),
    ]


def _yes(value: object) -> str:
    return "yes" if value else "no"


FIGURES = Figures(
    totals=(m.DECISIONS, m.SECOND_LOOKS, m.RESOLVED, m.CONTACTS, m.CLOSED, m.REOPENED, m.OFFERS, m.OFFERS_BY_CAUSE),
    states=(m.OPEN_CASES, m.OLDEST_UNASSIGNED, m.UNROUTABLE, m.FIRST_CONTACT, m.HANDLERS, m.PLACES),
    read=read,
    tally={
        r.ComplaintDecided: lambda e, _: (m.DECISIONS.add(e.overall, str(min(e.stage, 2))),),
        r.ContactMade: lambda e, _: (m.CONTACTS.add(e.outcome, _yes(e.customer_confirmed_resolved)),),
        r.ComplaintClosed: lambda e, _: (m.CLOSED.add(e.reason),),
        r.ComplaintReopened: lambda e, _: (m.REOPENED.add("customer" if e.by == "customer" else "staff"),),
        r.OfferEnded: lambda e, _: (m.OFFERS.add(e.outcome),),
    },
)
