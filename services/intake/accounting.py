"""What was seen and what became of it: counted in the transactions that make it so, read again for metrics."""

from collections import Counter
from collections.abc import Iterable, Iterator

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base.db import Database
from shared.events import intake as i
from shared.events.catalog import SERVICES
from shared.spine import totals
from shared.spine.collector import stamp
from shared.spine.effects import Count
from shared.spine.figures import Figures, Sample
from shared.spine.verify import Verdict

from . import metrics as m
from .store import reconciliation
from .store.calls import Call

_ACCEPTED = ("complaint", "reply", "chase")


def posts(source: str, kind: str, n: int) -> Iterator[Count]:
    """Posts are seen when they are committed."""
    yield m.MESSAGES.add(source, "seen", by=n)
    yield m.MESSAGES.add(source, "accepted" if kind == "complaint" else "not_complaint", by=n)


def replay(source: str) -> Iterator[Count]:
    """A post that was answered again."""
    yield m.MESSAGES.add(source, "seen")
    yield m.MESSAGES.add(source, "duplicate")


def mails_seen(sources: Iterable[str]) -> dict[totals.Key, float]:
    """The bytes of mails are kept."""
    return {(m.MESSAGES.measure.name, (source, "seen")): float(n) for source, n in Counter(sources).items()}


def mail_decided(source: str, outcome: str) -> Count:
    """A mail has its outcome."""
    if outcome in _ACCEPTED:
        return m.MESSAGES.add(source, "accepted")
    return m.MESSAGES.add(source, outcome if outcome in ("duplicate", "quarantined") else "not_complaint")


def mail_taken_back(source: str, outcome: str) -> dict[totals.Key, float]:
    """A mail's outcome was wrong: it is to be decided anew."""
    became = outcome if outcome == "quarantined" else "not_complaint"
    return {(m.MESSAGES.measure.name, (source, became)): -1.0}


def became(call: Call) -> str | None:
    """What a call has become so far; None while it waits for its words."""
    if call.complaint_id is None and call.settle_at is not None and call.outcome != "abandoned":
        return None
    return "accepted" if call.outcome in _ACCEPTED else "not_complaint"


def call(source: str, *, known: bool, before: str | None, after: str | None) -> Iterator[Count]:
    """A message about a call; what the call was before and is now. A later message may correct an earlier one."""
    if not known:
        yield m.MESSAGES.add(source, "seen")
    if before == after:
        return
    if before is not None:
        yield m.MESSAGES.add(source, before, by=-1)
    if after is not None:
        yield m.MESSAGES.add(source, after)


async def read(tx: AsyncConnection) -> Iterable[Sample]:
    """The gap by source, and whether the account is right."""
    gaps = await reconciliation.gaps(tx)
    counted = await totals.read(tx, m.MESSAGES.measure.name)
    seen = sum(n for (_, labels), n in counted.items() if labels[1] == "seen")
    told = sum(n for (_, labels), n in counted.items() if labels[1] != "seen")
    found = [m.GAP.at(gap.n, gap.source) for gap in gaps]
    found.append(m.UNACCOUNTED.at(seen - told - sum(gap.n for gap in gaps)))
    return [*found, m.OLDEST_GAP.at(min(stamp(gap.oldest) for gap in gaps))] if gaps else found


async def keep_verdict(database: Database, verdict: Verdict) -> None:
    """What reading the whole topic found, kept for the metrics."""
    found: dict[totals.Key, float]
    found = {(m.SEQUENCE_GAPS.measure.name, (name,)): float(verdict.gaps.get(name, 0)) for name in SERVICES}
    async with database.transaction() as tx:
        now = (await tx.execute(select(func.now()))).scalar_one()
        found[m.VERIFIED.measure.name, ()] = stamp(now)
        await totals.put(tx, found)


FIGURES = Figures(
    totals=(m.MESSAGES, m.VERDICTS, m.CHASES, m.BOUNCES, m.SEQUENCE_GAPS, m.VERIFIED),
    states=(m.GAP, m.UNACCOUNTED, m.OLDEST_GAP),
    read=read,
    tally={
        i.OutcomeAccepted: lambda *_: (m.VERDICTS.add("accepted"),),
        i.OutcomeDisputed: lambda *_: (m.VERDICTS.add("disputed"),),
        i.ReopenRequested: lambda *_: (m.VERDICTS.add("reopen"),),
        i.ComplaintChased: lambda *_: (m.CHASES.add(),),
        i.BounceReceived: lambda e, _: (m.BOUNCES.add("yes" if e.permanent else "no"),),
    },
)
