"""What changed, for whom it matters: the news that open desks are told, each with an id to go on from.

Pure of databases and of HTTP: `news.py` brings what commits changed, `api/desk_live.py` carries it to browsers.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

# What a browser is told to look at again: my cases and offers, the queue and the staff, the case that is open.
WORK, QUEUE, CASE = "work", "queue", "case"
NAMES = (WORK, QUEUE, CASE)
# Seconds between two of a kind for one desk: a queue that moves ten times a second is looked at every other second.
APART = {WORK: 0.2, QUEUE: 2.0, CASE: 0.2}
REMEMBERED, OWNERS = 500, 20_000


class Full(Exception):
    """No more desks are told of changes by this replica."""


@dataclass(frozen=True)
class Change:
    """One case after a commit: who has it (or is offered it), and whether it is of interest to the queue and leads."""

    complaint_id: UUID
    handler: str | None
    queued: bool


@dataclass(frozen=True)
class News:
    """Some changes with their number. Without changes it concerns everybody: something may have been missed."""

    n: int
    changes: Sequence[tuple[Change, str | None, bool]] = ()  # with its handler before, and whether it was queued
    staff: bool = False

    def names(self, who: str, complaint_id: UUID | None) -> Iterator[str]:
        """What somebody who has this page open should look at again."""
        if not self.changes and not self.staff:
            yield from NAMES if complaint_id else (WORK, QUEUE)
        if any(who in (change.handler, before) for change, before, _ in self.changes):
            yield WORK
        if self.staff or any(change.queued or was for change, _, was in self.changes):
            yield QUEUE
        if any(change.complaint_id == complaint_id for change, _, _ in self.changes):
            yield CASE


@dataclass(eq=False)
class Desk:
    """One open page. `pending`: what it has to be told, with the first news that it has not been told of."""

    who: str
    session: str
    complaint_id: UUID | None = None
    latest: int = 0
    ended: bool = False
    pending: dict[str, int] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, news: News) -> None:
        """Take what concerns this page."""
        self.latest = max(self.latest, news.n)
        for name in news.names(self.who, self.complaint_id):
            self.pending.setdefault(name, news.n)
            self.moved.set()

    def end(self) -> None:
        """The stream ends as soon as it looks."""
        self.ended = True
        self.moved.set()

    async def next(self, most: float) -> tuple[str, int] | None:
        """What to look at, and up to which news all is told; None after `most` seconds without any, or at the end."""
        until = time.monotonic() + most
        while not self.ended:
            now = time.monotonic()
            due = {name: self.told.get(name, -APART[name]) + APART[name] for name in self.pending}
            ready = [name for name in NAMES if name in due and due[name] <= now]
            if ready:
                self.told[ready[0]] = now
                del self.pending[ready[0]]
                return ready[0], min(self.pending.values(), default=self.latest + 1) - 1
            if now >= until:
                return None
            self.moved.clear()
            try:
                await asyncio.wait_for(self.moved.wait(), min([until, *due.values()]) - now)
            except TimeoutError:
                continue
        return None


class Hub:
    """The desks that are open at this replica, and what was told lately."""

    def __init__(self, most: int, each: int = 6) -> None:
        """`most`: desks at a time. `each`: desks of one session; its oldest makes room for a new one."""
        self.most, self.each = most, each
        self.epoch = uuid4().hex[:8]
        self.desks: list[Desk] = []
        self._n = 0
        self._kept: deque[News] = deque(maxlen=REMEMBERED)
        self._owners: OrderedDict[UUID, tuple[str | None, bool]] = OrderedDict()

    @property
    def position(self) -> str:
        """Where a page that is made now goes on from."""
        return self.id(self._n)

    def id(self, n: int) -> str:
        """The id of an event, as browsers give it back."""
        return f"{self.epoch}-{n}"

    def tell(self, changes: Iterable[Change], *, staff: bool = False) -> None:
        """Tell every desk that these concern."""
        known = []
        for change in changes:
            before = self._owners.pop(change.complaint_id, (None, False))
            self._owners[change.complaint_id] = (change.handler, change.queued)
            known.append((change, *before))
        while len(self._owners) > OWNERS:
            self._owners.popitem(last=False)
        if known or staff:
            self._pass(News(self._n + 1, tuple(known), staff))

    def know(self, changes: Iterable[Change]) -> None:
        """How cases stand now, so that their next change also reaches who had them before."""
        self._owners.update({c.complaint_id: (c.handler, c.queued) for c in changes})

    def look(self) -> None:
        """Tell every desk to look at everything: changes may have been missed."""
        self._pass(News(self._n + 1))

    def _pass(self, news: News) -> None:
        self._n = news.n
        self._kept.append(news)
        for desk in self.desks:
            desk.add(news)

    @contextmanager
    def open(self, who: str, session: str, complaint_id: UUID | None, since: str) -> Iterator[Desk]:
        """A desk until the block ends, told first what came after `since`. Raises Full."""
        own = [d for d in self.desks if d.session == session and not d.ended]
        if len(own) >= self.each:
            own[0].end()
        elif len(self.desks) >= self.most:
            raise Full
        desk = Desk(who, session, complaint_id, self._n)
        for news in self._after(since):
            desk.add(news)
        self.desks.append(desk)
        try:
            yield desk
        finally:
            self.desks.remove(desk)

    def _after(self, since: str) -> list[News]:
        epoch, _, n = since.rpartition("-")
        oldest = self._kept[0].n if self._kept else self._n + 1
        if epoch != self.epoch or not n.isdecimal() or not oldest - 1 <= int(n) <= self._n:
            return [News(0)]  # another replica's id, or too long ago: look at everything
        return [news for news in self._kept if news.n > int(n)]

    def end(self, session: str | None = None, who: str | None = None) -> None:
        """End the streams of a session or a person that signed out; without either all, because the process stops."""
        for desk in self.desks:
            if (session is None and who is None) or session == desk.session or who == desk.who:
                desk.end()
