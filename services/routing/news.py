"""How a commit of one replica reaches the desks at every other: PostgreSQL's NOTIFY, sent after the commit."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

from shared.base.db import driver_of
from shared.base.loops import LoopControl
from shared.spine.spine import Spine

from .live import Hub
from .model import Case
from .store import desk

GATHER = 0.1  # seconds between two messages of a replica
MOST_NAMED = 150  # ids in one message: PostgreSQL takes 8,000 bytes
STAFF, LOOK, OUT, ALL_OUT = "staff", "look", "out:", "all-out:"


class NewsRoom:
    """Two loops: one says what this replica's commits changed, one hears what all replicas say."""

    def __init__(self, spine: Spine[Case], hub: Hub) -> None:
        self.spine, self.hub = spine, hub
        self._to_say: set[str] = set()
        self._heard: set[str] = set()
        self._saying: LoopControl | None = None
        self._hearing: LoopControl | None = None
        spine.work.wakes.changed.append(self._changed)

    def _changed(self, ids: Iterable[UUID]) -> None:
        self.say(*map(str, ids))

    def staff_changed(self) -> None:
        """Somebody came, went, or may do something else."""
        self.say(STAFF)

    def signed_out(self, session: str) -> None:
        """A session ended: its streams end here at once, and at the other replicas."""
        self.hub.end(session)
        self.say(OUT + session)

    def signed_out_everywhere(self, who: str) -> None:
        """All sessions of a person ended."""
        self.hub.end(who=who)
        self.say(ALL_OUT + who)

    def say(self, *what: str) -> None:
        """Tell all replicas soon. So many cases that they do not fit are one word: look at everything."""
        self._to_say.update(what)
        if len(self._to_say) > MOST_NAMED:
            self._to_say = {LOOK} | {w for w in self._to_say if w.startswith((OUT, ALL_OUT))}
        if self._saying is not None:
            self._saying.wake.set()

    def subscribed(self) -> None:
        """A desk was opened: from now on somebody listens."""
        if self._hearing is not None:
            self._hearing.wake.set()

    async def tell(self, ctl: LoopControl) -> None:
        """Say what changed, at once when it is quiet, gathered when it is not."""
        self._saying = ctl
        while not ctl.stopping:
            if self._to_say:
                said, self._to_say = self._to_say, set()
                try:
                    async with self.spine.db.single() as tx:
                        await desk.notify(tx, " ".join(sorted(said)))
                except Exception:
                    self._to_say |= said
                    raise
                await asyncio.sleep(GATHER)
            else:
                await ctl.sleep(30.0)
            ctl.beat()

    async def hear(self, ctl: LoopControl) -> None:
        """Listen while a desk is open, and pass on what it concerns."""
        self._hearing = ctl
        while not ctl.stopping:
            if self.hub.desks:
                await self._listen(ctl)
            await ctl.sleep(30.0)

    async def _listen(self, ctl: LoopControl) -> None:
        async with self.spine.db.single() as tx:
            driver = driver_of(tx)
            await driver.add_listener(desk.CHANNEL, self._on_message)
            try:
                async with self.spine.db.read() as seen:
                    self.hub.know(await desk.changes(seen))
                self.hub.look()  # until now nobody listened
                while self.hub.desks and not ctl.stopping and not driver.is_closed():
                    await self._pass_on()
                    await ctl.sleep(15.0)
            finally:
                if not driver.is_closed():
                    await driver.remove_listener(desk.CHANNEL, self._on_message)

    def _on_message(self, _connection: object, _pid: int, _channel: str, message: str) -> None:
        self._heard.update(message.split())
        if self._hearing is not None:
            self._hearing.wake.set()

    async def _pass_on(self) -> None:
        heard, self._heard = self._heard, set()
        for word in heard:
            if word.startswith(OUT):
                self.hub.end(word.removeprefix(OUT))
            elif word.startswith(ALL_OUT):
                self.hub.end(who=word.removeprefix(ALL_OUT))
        if LOOK in heard:
            self.hub.look()
            return
        ids = [UUID(word) for word in heard if word != STAFF and not word.startswith((OUT, ALL_OUT))]
        found = []
        if ids:
            async with self.spine.db.read() as tx:
                found = await desk.changes(tx, ids)
        self.hub.tell(found, staff=STAFF in heard)
