"""The loop that keeps the roster fresh: handlers of events do not read, and a danger to life does not wait."""

from shared.base.db import Database
from shared.base.loops import LoopControl

from .duty import Roster
from .store import people

EVERY = 5.0  # seconds; a change at this replica is looked at once


class DutyWatch:
    """Reads the leads."""

    def __init__(self, db: Database, roster: Roster) -> None:
        self._db, self._roster, self._directory = db, roster, people.Directory()
        self._control: LoopControl | None = None

    async def look(self) -> None:
        """Read them now."""
        async with self._db.read() as tx:
            self._roster.put(await self._directory.read(tx, await people.leads(tx)))

    async def run(self, ctl: LoopControl) -> None:
        """Read them again and again."""
        self._control = ctl
        while not ctl.stopping:
            await self._db.retrying(self.look)
            await ctl.sleep(EVERY)

    def wake(self) -> None:
        """Somebody came, left, or has another entry."""
        if self._control is not None:
            self._control.wake.set()
