"""Whatever order a complaint's events come in, its clocks end consistent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.escalation.policy import Tier
from shared.calendars import builtin
from shared.events.escalation import RungReached, SlaBreached, SlaBreachRetracted, SlaWarning
from tests.support import lives
from tests.support.lives import World, book_of, minutes, pack
from tests.support.scale import examples

T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
BOOK = book_of(
    pack("""
  - {clock: acknowledgement, limit: 30min, warn: 0.5}
  - {clock: first_response, limit: 2bh, ladder: [{at: 100%, action: notify, to: lead}]}
  - {clock: next_update, limit: 1h, warn: 0.8}
  - clock: decision
    limit: 1wd
    pausable: true
    warn: [0.5, 0.8]
    ladder: [{at: 90%, action: holding_letter, to: handler}, {at: +1bh, action: notify, to: lead, hours: working}]
  - {clock: decision, when: {severity: P1}, limit: 4bh, pausable: true}
  - {clock: decision, when: {tier: top}, limit: 90min, pausable: true}
  - {clock: reopened, limit: 3h}
  - {clock: callback, limit: 3h}
  - {clock: handoff, limit: 1h, ladder: [{at: 100%, action: notify, to: lead}]}
  - {clock: approval, limit: 2bh}
  - {clock: final_response, when: {stage: 2}, start: stage2, limit: 6h, pausable: true}
""", calendar="uk-england"),
    pack("""
  - clock: final_response
    limit: 5h
    extension: [{limit: 9h, after: holding_letter}]
    ladder: [{at: 80%, action: holding_letter, to: lead}]
  - {clock: summary_resolution, limit: 2h, lapses: true}
  - {clock: outside_window, limit: 40h, start: told, lapses: true}
  - {clock: remedy, limit: 3h, start: agreed, stop: resolved}
""", name="law", legal=True),
)  # fmt: skip

offsets = st.integers(-30, 1500).map(lambda n: T + minutes(n))
anywhen = st.one_of(offsets, st.sampled_from([datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]))
LETTERS, LETTER = ["acknowledgement", "progress", "resolution", "holding", "reopening"], UUID(int=7)
payloads = st.one_of(
    st.builds(lives.received, st.just(T), tier=st.sampled_from(["top", "low"])),
    st.builds(lives.triaged, severity=st.sampled_from(["P1", "P3"])),
    st.builds(lives.letter, st.sampled_from(["acknowledgement", "progress", "resolution", "call_summary"]), anywhen),
    st.builds(lives.contact, anywhen, direction=st.sampled_from(["in", "out"])),
    st.builds(lives.responded, anywhen),
    st.builds(lives.asked, anywhen, st.integers(1, 3)),
    st.builds(lives.replied, anywhen),
    st.builds(lives.decided),
    st.builds(lives.resolved, anywhen),
    st.builds(lives.closed, anywhen),
    st.builds(lives.reopened, anywhen, st.integers(1, 2)),
    st.builds(lives.withdrawn, anywhen),
    st.builds(lives.enquiry, anywhen, st.integers(1, 2)),
    st.builds(lives.enquiry_answered, anywhen, st.integers(1, 2)),
    st.builds(lives.call_me, anywhen, st.none() | anywhen, st.integers(1, 2)),
    st.builds(lives.promised, anywhen),
    st.builds(lives.remedy_done, anywhen),
    st.builds(lives.assigned, mode=st.sampled_from(["offer", "push"])),
    st.builds(lives.letter, st.sampled_from(LETTERS), anywhen, message=st.sampled_from(["<1>", "<2>"])),
    st.builds(lives.bounced, st.sampled_from(["<1>", "<2>"]), permanent=st.booleans()),
    st.builds(lives.blocked, st.just("resolution"), id_=st.just(LETTER), why=st.just("approval: too much")),
    st.builds(lives.letter, st.just("resolution"), anywhen, id_=st.just(LETTER)),
    st.builds(lives.transferred, st.sampled_from(["h1", "l1"])),
    st.builds(lives.disputed, anywhen),
    st.builds(lives.accepted, anywhen),
)
steps = st.lists(st.tuples(st.integers(0, 400), payloads, st.booleans()), max_size=14)


def consistent(w: World) -> None:
    """What holds for every complaint at every moment."""
    for clock in w.case.clocks.values():
        said = [d for d in w.all(SlaBreached) if d.clock_id == clock.id]
        healed = [d for d in w.all(SlaBreachRetracted) if d.clock_id == clock.id]
        assert len({d.version for d in said}) == len(said), "a breach is said once per deadline version"
        stands = [d for d in said if d.version == clock.version and d.version not in {h.version for h in healed}]
        assert bool(stands) == (clock.state == "breached")
        if clock.state == "met":
            assert clock.stopped_at is not None
            assert clock.stopped_at <= clock.due_at
        armed = [n for n in w.timers if n.partition("/")[0] == clock.name]
        assert armed == ([clock.armed] if clock.armed else [])
        assert clock.live or clock.armed is None
        if clock.state in ("running", "paused"):
            assert clock.armed is not None, "a running clock always has a timer"
    for kind in (SlaWarning, RungReached):
        once = [(d.clock_id, d.version, getattr(d, "rung", None) or d.share) for d in w.all(kind)]
        assert len(once) == len(set(once))


def live(script: Any, *, now: datetime = T) -> World:
    w = World(BOOK, now)
    for wait, payload, looked in script:
        moment = w.now + minutes(wait)
        (w.until if looked else w.sleep)(moment)
        w.tell(payload)
        consistent(w)
    w.until(w.now + timedelta(days=30))
    consistent(w)
    return w


@examples(150)
@given(steps)
def test_any_order_of_any_events_ends_consistent(script: Any) -> None:
    live(script)


@examples(60)
@given(steps)
def test_every_event_twice_changes_nothing(script: Any) -> None:
    doubled = [again for wait, payload, looked in script for again in ((wait, payload, looked), (0, payload, False))]
    once, twice = live(script), live(doubled)
    assert [(type(d), at) for d, at in once.said] == [(type(d), at) for d, at in twice.said]


stops = st.lists(
    st.one_of(
        st.builds(lives.letter, st.sampled_from(["acknowledgement", "resolution"]), offsets),
        st.builds(lives.contact, offsets),
        st.builds(lives.responded, offsets),
        st.builds(lives.decided),
        st.builds(lives.triaged),
    ),
    max_size=8,
)


@examples(100)
@given(stops, st.randoms(use_true_random=False), st.booleans())
def test_stops_lead_to_the_same_states_in_every_order_and_however_late(found: Any, random: Any, late: bool) -> None:
    """A stop before the deadline counts also when the breach was noticed first."""
    shuffled = list(found)
    random.shuffle(shuffled)
    a, b = World(BOOK, T), World(BOOK, T)
    a.tell(lives.received(T))
    b.tell(lives.received(T))
    if late:
        b.until(T + timedelta(days=7))
    for data in found:
        a.tell(data, time=T)
    for data in shuffled:
        b.tell(data, time=T)
    a.until(T + timedelta(days=9))
    b.until(T + timedelta(days=9))
    for name, clock in a.case.clocks.items():
        if clock.kind != "next_update":
            assert b.case.clocks[name].state == clock.state, name


@examples(80)
@given(
    st.sampled_from(["top", "high", "middle", "low"]),
    st.sampled_from(["P1", "P2", "P3"]),
    st.lists(st.sampled_from(["5min", "45min", "3bh", "1wd", "2cd", "1w"]), min_size=3, max_size=3),
    st.sampled_from(["1h", "9h", "1wd", "3cd"]),
    st.lists(st.integers(0, 3000), max_size=4),
)
def test_a_tier_tightens_the_law_and_never_loosens_it(
    tier: Tier, severity: str, limits: list[str], legal: str, waits: list[int]
) -> None:
    house = pack(
        f"""
  - {{clock: decision, limit: {limits[0]}, pausable: true}}
  - {{clock: decision, when: {{tier: [top, high]}}, limit: {limits[1]}, pausable: true}}
  - {{clock: decision, when: {{severity: P1}}, limit: {limits[2]}, pausable: true}}
""",
        calendar="uk-england",
    )
    w = World(book_of(house, pack(f"  - {{clock: final_response, limit: {legal}}}", name="law", legal=True)), T)
    w.tell(lives.received(T, tier=tier))
    w.tell(lives.triaged(severity=severity))
    law = w.case.clocks["final_response@law"].due_at
    for n, wait in enumerate(waits):
        w.tell(lives.asked(w.now + minutes(wait), n))
        assert w.case.clocks["decision"].due_at <= law
        w.until(w.now + minutes(wait // 2))
    assert w.case.clocks["final_response@law"].due_at == law


@examples(120)
@given(
    st.sampled_from(["top", "high", "middle", "low"]),
    st.lists(st.sampled_from(["5min", "45min", "3bh", "1wd", "2cd", "1w"]), min_size=2, max_size=2),
    st.sampled_from(["1h", "9h", "1wd", "3cd"]),
    st.sampled_from(["", "convention: from_opening, ", "extension: [{limit: 9w, after: holding_letter}], "]),
    st.lists(st.sampled_from(["top", "low", "holding", "asked"]), max_size=4),
)
def test_the_effective_limit_is_the_lesser_of_law_and_tier(
    tier: Tier, limits: list[str], legal: str, way: str, then: list[str]
) -> None:
    """At the beginning exactly, and whatever happens afterwards never later than the law of that moment."""
    house = pack(
        f"""
  - {{clock: decision, limit: {limits[0]}, pausable: true}}
  - {{clock: decision, when: {{tier: [top, high]}}, limit: {limits[1]}, pausable: true}}
""",
        calendar="uk-england",
    )
    law = pack(f"  - {{clock: final_response, {way}limit: {legal}}}", name="law", legal=True, calendar="uk-england")
    calendar = builtin().get("uk-england")
    w = World(book_of(house, law), T)
    w.tell(lives.received(T, tier=tier))
    decision, over = w.case.clocks["decision"], w.case.clocks["final_response@law"]
    promised = [calendar.add(T, limit) for limit in limits[: 2 if tier in ("top", "high") else 1]]
    assert decision.due_at == min(over.due_at, *promised)
    told = decision.due_at
    for n, what in enumerate(then):
        if what == "holding":
            w.tell(lives.letter("holding", w.now))
        elif what == "asked":
            w.tell(lives.asked(w.now + minutes(90), n))
        else:
            w.tell(lives.customer_changed(lives.received(T, tier=what).customer))
            assert decision.due_at <= told
        assert decision.due_at <= over.due_at
        told = decision.due_at
