"""States that this process wrote last: the next change of the same complaint need not read them back."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, Protocol
from uuid import UUID

from .effects import S

MOST = 2_000


class _Row(Protocol):
    complaint_id: UUID
    version: int
    stamp: int


class Remembered(Generic[S]):
    """The last written states, at most so many.

    A stamp is a random number in a complaint's row, another with every write. A state is what the table says exactly
    when the row still has the version and the stamp that it was written with. So nothing has to be taken back here when
    a transaction is undone, another replica writes, or the database comes back from a copy.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._written: OrderedDict[UUID, tuple[int, int, S]] = OrderedDict()

    def keep(self, states: Iterable[S], stamp: int) -> None:
        """Remember what is being written with a stamp."""
        for state in states:
            self._written[state.complaint_id] = (state.version, stamp, state)
        while len(self._written) > self._most:
            self._written.popitem(last=False)

    def take(self, row: _Row) -> S | None:
        """The state of a row, if it is known. Who takes it may change it, so it is known no more."""
        written = self._written.pop(row.complaint_id, None)
        return written[2] if written and written[:2] == (row.version, row.stamp) else None
