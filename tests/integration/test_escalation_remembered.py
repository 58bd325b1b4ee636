"""A case in memory is used only while the table still says it."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import pytest

from services.escalation.book import PolicyBook
from services.escalation.model import Case
from services.escalation.store import Store
from shared.base.db import Database as Pools
from shared.calendars import builtin
from shared.spine.remembered import Remembered
from tests.support.servers import Database


@pytest.fixture
async def pools(database: Callable[..., Database]) -> AsyncIterator[Pools]:
    """Connections of escalation to a database of its own."""
    made = Pools(database().url("escalation"), "escalation", work_pool=2, api_pool=1)
    yield made
    await made.close()


async def write(pools: Pools, store: Store, complaint: UUID, cause: str, *, lost: bool = False) -> Case:
    """A change, as the consumer makes it; `lost`: the connection breaks before the commit."""
    async with pools.transaction() as tx:
        case = (await store.load(tx, [complaint]))[complaint]
        case.cause, case.version = cause, case.version + 1
        await store.save(tx, [case])
        if lost:
            raise ConnectionError
    return case


async def read(pools: Pools, store: Store, complaint: UUID) -> Case:
    async with pools.transaction() as tx:
        return (await store.load(tx, [complaint]))[complaint]


async def test_what_was_written_last_is_not_read_again_and_known_to_one_only(pools: Pools) -> None:
    store, complaint = Store(PolicyBook(builtin())), uuid4()
    written = await write(pools, store, complaint, "C1")
    assert await read(pools, store, complaint) is written
    again = await read(pools, store, complaint)
    assert again is not written
    assert again == written


async def test_what_was_undone_is_forgotten(pools: Pools) -> None:
    """Even when somebody else has brought the complaint to the same version since."""
    ours, theirs, complaint = Store(PolicyBook(builtin())), Store(PolicyBook(builtin())), uuid4()
    await write(pools, ours, complaint, "C1")
    with pytest.raises(ConnectionError):
        await write(pools, ours, complaint, "C2", lost=True)
    assert (await write(pools, theirs, complaint, "C3")).version == 2
    assert (await read(pools, ours, complaint)).cause == "C3"


async def test_what_another_replica_wrote_is_read(pools: Pools) -> None:
    ours, theirs, complaint = Store(PolicyBook(builtin())), Store(PolicyBook(builtin())), uuid4()
    await write(pools, ours, complaint, "C1")
    await write(pools, theirs, complaint, "C2")
    assert (await read(pools, ours, complaint)).cause == "C2"


def test_the_oldest_states_are_forgotten_first() -> None:
    known: Remembered[Case] = Remembered(2)
    cases = [Case(uuid4()) for _ in range(3)]
    known.keep(cases, 7)

    class Row:
        def __init__(self, case: Case) -> None:
            self.complaint_id, self.version, self.stamp = case.complaint_id, case.version, 7

    assert [known.take(Row(case)) for case in cases] == [None, *cases[1:]]
