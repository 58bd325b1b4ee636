"""What escalation shows of its clocks, read for metrics."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.spine.collector import stamp
from shared.spine.figures import Figures, Sample

from . import metrics as m
from . import store


async def read(tx: AsyncConnection) -> Iterable[Sample]:
    """Clocks by what is left, and the worst of those that are late."""
    found, oldest = [], dict[str, float]()
    for row in await store.standing(tx):
        found.append(m.DUE.at(row.n, row.tier, row.kind, row.within))
        if row.within == "overdue":
            oldest[row.tier] = min(oldest.get(row.tier, float("inf")), stamp(row.first))
    return found + [m.OLDEST_OVERDUE.at(at, tier) for tier, at in oldest.items()]


FIGURES = Figures(
    totals=(m.OUTCOME, m.USED, m.LATENESS, m.FIRST_RESPONSE, m.RUN, m.PAUSED, m.ESCALATIONS),
    states=(m.DUE, m.OLDEST_OVERDUE),
    read=read,
)
