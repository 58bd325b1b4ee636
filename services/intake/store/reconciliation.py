"""The number: what every source has shown us, and what became of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# One statement, so that all numbers are of one moment. A post is seen when it is committed, so posts have no gap; mail
# and calls are seen before what becomes of them, so they can have one. What a mailbox's server has and we have not
# kept, at the last comparison, is a gap too.
_COUNTS = text(
    """
    SELECT source, CASE WHEN kind = 'complaint' THEN 'accepted' ELSE 'not_complaint' END AS became,
           count(*) AS n, NULL::timestamptz AS oldest FROM complaint WHERE came_by = 'post' GROUP BY 1, 2
    UNION ALL SELECT source, 'duplicate', count, NULL FROM replayed
    UNION ALL
    SELECT source, CASE
             WHEN outcome IS NULL THEN 'gap' WHEN outcome IN ('complaint', 'reply', 'chase') THEN 'accepted'
             WHEN outcome IN ('duplicate', 'quarantined') THEN outcome ELSE 'not_complaint' END, count(*), min(seen_at)
    FROM mail GROUP BY 1, 2
    UNION ALL
    SELECT name, 'gap', waiting, CASE WHEN waiting > 0 THEN compared_at END FROM mailbox
    UNION ALL
    SELECT source, CASE WHEN complaint_id IS NULL AND settle_at IS NOT NULL AND outcome <> 'abandoned' THEN 'gap'
             WHEN outcome IN ('complaint', 'reply', 'chase') THEN 'accepted' ELSE 'not_complaint' END, count(*),
           min(seen_at)
    FROM call GROUP BY 1, 2
    """
)


_GAPS = text(
    "SELECT source, count(*) AS n, min(seen_at) AS oldest FROM ("
    "SELECT source, seen_at FROM mail WHERE outcome IS NULL UNION ALL "
    "SELECT source, seen_at FROM call WHERE settle_at IS NOT NULL AND complaint_id IS NULL) AS waiting GROUP BY source"
)


@dataclass(slots=True)
class Balance:
    """One source's account: `seen` is always the sum of the others."""

    source: str
    seen: int = 0
    accepted: int = 0
    duplicate: int = 0
    not_complaint: int = 0
    quarantined: int = 0
    gap: int = 0
    oldest_gap: datetime | None = None


async def balances(tx: AsyncConnection) -> list[Balance]:
    """The account of each source, by name."""
    found: dict[str, Balance] = {}
    for row in await tx.execute(_COUNTS):
        balance = found.setdefault(row.source, Balance(row.source))
        setattr(balance, row.became, getattr(balance, row.became) + row.n)
        balance.seen += row.n
        if row.became == "gap" and row.oldest:
            balance.oldest_gap = min(row.oldest, balance.oldest_gap or row.oldest)
    return sorted(found.values(), key=lambda b: b.source)


NUMBERS = tuple(f.name for f in fields(Balance) if f.name not in ("source", "oldest_gap"))


def total(all_: list[Balance]) -> Balance:
    """All sources together."""
    together = Balance("total")
    for balance in all_:
        for name in NUMBERS:
            setattr(together, name, getattr(together, name) + getattr(balance, name))
    return together


def shown(balance: Balance) -> dict[str, object]:
    """As the API and `--json` show it."""
    document = asdict(balance)
    if balance.oldest_gap is None:
        del document["oldest_gap"]
    return document


async def gaps(tx: AsyncConnection) -> Sequence[Any]:
    """What was seen and has no outcome: `source`, its number `n`, since when (`oldest`)."""
    return (await tx.execute(_GAPS)).all()
