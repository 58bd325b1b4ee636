"""What open desks are told: who is concerned, how often, from where on, and how many there may be."""

import asyncio
import re
from hashlib import sha256
from importlib.resources import files
from uuid import uuid4

import pytest

from services.routing.live import APART, CASE, QUEUE, WORK, Change, Full, Hub


async def told(desk: object, seconds: float = 0.05) -> list[str]:
    """Everything that a desk is told until nothing comes for a while."""
    found = []
    while (news := await desk.next(seconds)) is not None:  # type: ignore[attr-defined]
        found.append(news[0])
    return found


async def test_a_change_concerns_who_has_the_case_who_had_it_and_who_looks_at_it() -> None:
    hub, one, other = Hub(10), uuid4(), uuid4()
    with (
        hub.open("zhang", "s1", None, hub.position) as zhang,
        hub.open("emma", "s2", None, hub.position) as emma,
        hub.open("lead", "s3", one, hub.position) as looking,
    ):
        hub.tell([Change(one, "zhang", False)])
        assert await told(zhang) == [WORK]
        assert await told(emma) == []
        assert await told(looking) == [CASE]
        hub.tell([Change(one, "emma", False)])  # taken from one, given to the other
        await asyncio.sleep(APART[WORK])
        assert (await told(zhang), await told(emma)) == ([WORK], [WORK])
        hub.tell([Change(other, None, True)])
        assert (await told(zhang), await told(emma)) == ([QUEUE], [QUEUE])


async def test_what_follows_close_is_told_once_and_later() -> None:
    hub = Hub(10)
    with hub.open("zhang", "s", None, hub.position) as desk:
        for _ in range(50):
            hub.tell([Change(uuid4(), "zhang", False)])
        assert await told(desk) == [WORK]
        hub.tell([Change(uuid4(), "zhang", False)])
        assert await desk.next(0.01) is None
        assert await desk.next(APART[WORK] + 1) == (WORK, 51)


async def test_a_stream_goes_on_where_it_was_left_and_looks_at_everything_when_it_cannot() -> None:
    hub = Hub(10)
    start = hub.position
    hub.tell([Change(uuid4(), "emma", False)])
    hub.tell([Change(uuid4(), "zhang", False)])
    with hub.open("zhang", "s", None, start) as desk:
        assert await desk.next(0.01) == (WORK, 2)
    with hub.open("zhang", "s", None, hub.id(2)) as desk:
        assert await told(desk) == []
    case = uuid4()
    for since in ("", "other-2", "nonsense", hub.id(99), f"{hub.epoch}-x"):
        with hub.open("zhang", "s", case, since) as desk:
            assert await told(desk) == [WORK, QUEUE, CASE]


async def test_an_id_never_passes_over_what_was_not_told() -> None:
    hub = Hub(10)
    with hub.open("zhang", "s", None, hub.position) as desk:
        hub.tell([Change(uuid4(), None, True)])
        assert await desk.next(0.01) == (QUEUE, 1)
        hub.tell([Change(uuid4(), None, True)])  # 2: held back, the queue was told a moment ago
        hub.tell([Change(uuid4(), "zhang", False)])  # 3
        assert await desk.next(0.01) == (WORK, 1)  # a stream that breaks here asks for 2 and 3 again


def test_desks_are_bounded_and_a_session_has_no_more_than_its_own() -> None:
    hub = Hub(3, each=2)
    with hub.open("a", "s1", None, "") as first, hub.open("a", "s1", None, ""), hub.open("a", "s1", None, ""):
        assert first.ended
        with pytest.raises(Full), hub.open("b", "s2", None, ""):
            pass
    assert hub.desks == []


async def test_a_session_that_ends_ends_its_streams_and_no_others() -> None:
    hub = Hub(10)
    with hub.open("a", "s1", None, hub.position) as out, hub.open("a", "s2", None, hub.position) as stays:
        waiting = asyncio.create_task(out.next(60))
        await asyncio.sleep(0)
        hub.end("s1")
        assert await waiting is None
        assert (out.ended, stays.ended) == (True, False)
        hub.end()
        assert stays.ended


def test_the_libraries_are_the_ones_that_the_list_names() -> None:
    vendor = files("services.routing") / "static" / "vendor"
    listed = dict(re.findall(r"^\| `([\w.-]+\.js)` .*`([0-9a-f]{64})` \|$", (vendor / "README.md").read_text(), re.M))
    kept = {f.name: sha256(f.read_bytes()).hexdigest() for f in vendor.iterdir() if f.name.endswith(".js")}
    assert listed == kept
    for name in ("htmx", "idiomorph"):
        assert "Permission to use" in (vendor / f"{name}.LICENSE").read_text()
