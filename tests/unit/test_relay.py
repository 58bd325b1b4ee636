"""What a relay keeps in memory is bounded, whoever sends."""

from datetime import UTC, datetime
from uuid import uuid4

from shared.base.db import Database
from shared.spine.relay import HELD_BYTES, HELD_ROWS, Relay
from shared.spine.unit import Origin, Outgoing


def rows(first: int, n: int, size: int = 10) -> list[Outgoing]:
    at = datetime.now(UTC)
    return [Outgoing(first + i, "complaints.v1", uuid4(), {}, b"x" * size, at) for i in range(n)]


def relay() -> Relay:
    database = Database("postgresql://nobody@127.0.0.1/nothing", "intake", work_pool=1, api_pool=1)
    return Relay(database, Origin("intake", "here", "complaints.v1", 12), bootstrap="127.0.0.1:1")


def test_rows_that_another_process_sends_do_not_pile_up() -> None:
    one = relay()
    for first in range(0, 3 * HELD_ROWS, 100):
        one.hold(rows(first, 100))
    assert [row.seq for row in one.held] == list(range(2 * HELD_ROWS, 3 * HELD_ROWS))


def test_large_bodies_do_not_pile_up_either() -> None:
    one = relay()
    for first in range(0, 100, 10):
        one.hold(rows(first, 10, size=200_000))
    assert sum(len(row.body) for row in one.held) <= HELD_BYTES
    assert one.held[-1].seq == 99
