"""What the notifier shows of its letters and promises, read for metrics; and what its events add to totals."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events import notifier as n
from shared.spine.collector import stamp
from shared.spine.effects import Count
from shared.spine.figures import Figures, Sample

from .. import metrics as m

# Each part reads a partial index of the letters that are not done with, which are few.
_LETTERS = text(
    "SELECT state, count(*) AS n FROM letter WHERE state NOT IN ('sending', 'sent', 'cancelled') GROUP BY state "
    "UNION ALL SELECT 'sending', count(*) FROM letter WHERE state = 'sending'"
)
# One that is tried again has waited since it was written: its next try would hide for days that no mail goes out.
_OLDEST = text(
    "SELECT min(CASE state WHEN 'retry' THEN created_at ELSE next_try_at END) AS at FROM letter "
    "WHERE state = 'retry' OR (state = 'ready' AND next_try_at <= now())"
)
_PROMISES = text("SELECT kind, count(*) AS n FROM promise WHERE state = 'open' GROUP BY kind")


async def read(tx: AsyncConnection) -> Iterable[Sample]:
    """Letters and promises that are not done with."""
    found = [m.WAITING_LETTERS.at(row.n, row.state) for row in await tx.execute(_LETTERS)]
    found += [m.OPEN_PROMISES.at(row.n, row.kind) for row in await tx.execute(_PROMISES)]
    oldest = (await tx.execute(_OLDEST)).scalar_one()
    return [*found, m.OLDEST_LETTER.at(stamp(oldest))] if oldest else found


def _made(event: n.PromiseMade, at: datetime) -> Iterable[Count]:
    yield m.PROMISES.add(event.kind, "made")
    yield from m.PROMISED.observe(max(0.0, (event.due_at - at).total_seconds()), event.kind)


FIGURES = Figures(
    totals=(m.LETTERS, m.PROMISES, m.PROMISED),
    states=(m.WAITING_LETTERS, m.OLDEST_LETTER, m.OPEN_PROMISES),
    read=read,
    tally={
        n.LetterSent: lambda e, _: (m.LETTERS.add(e.kind, "sent"),),
        n.LetterFailed: lambda e, _: (m.LETTERS.add(e.kind, "failed"),),
        n.LetterUnknown: lambda e, _: (m.LETTERS.add(e.kind, "unknown"),),
        n.LetterBlocked: lambda e, _: (m.LETTERS.add(e.kind, "blocked"),),
        n.PromiseMade: _made,
        n.PromiseKept: lambda e, _: (m.PROMISES.add(e.kind, "kept"),),
        n.PromiseBroken: lambda e, _: (m.PROMISES.add(e.kind, "broken"),),
    },
)
