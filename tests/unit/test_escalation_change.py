"""Another version of a policy: what it would do to open complaints, and what it does when it is applied."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.escalation.book import Edition
from services.escalation.change import Moved, Order, apply
from services.escalation.checks import check
from shared.events.escalation import ClocksChanged, SlaBreached
from tests.support import lives
from tests.support.lives import World, book_of, minutes, pack
from tests.support.scale import examples

T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ONE = """
  - {clock: acknowledgement, limit: 1h}
  - {clock: decision, limit: 10h, pausable: true, warn: [0.5, 0.8]}
"""


def begun(rows: str = ONE) -> World:
    w = World(book_of(pack(rows)), T)
    w.tell(lives.received(T))
    return w


def stored(w: World, rows: str, *, more: str = "") -> Edition:
    body = pack(rows, more=more)
    edition = Edition(w.book.newest_id + 1, check(body, w.book.calendars), len(w.book.editions()) + 1, w.now, body)
    w.book.put(edition)
    return edition


def applied(w: World, rows: str, *, loosen: bool = False, more: str = "") -> list[tuple[str, str, bool]]:
    order = Order(stored(w, rows, more=more), "mara", "new promises from December on", loosen)
    moved, effects = apply(w.book, w.case, order, w.now)
    w.command(effects)
    return [(m.kind, m.how, m.breaches) for m in moved]


def test_a_new_version_alone_changes_no_open_complaint() -> None:
    w = begun()
    stored(w, ONE.replace("10h", "1h"))
    w.tell(lives.triaged())
    assert (w.case.clocks["decision"].due_at, w.case.pins) == (T + minutes(600), (("house", 1),))


def test_applying_tightens_with_history_and_says_who_and_why() -> None:
    w = begun()
    assert applied(w, ONE.replace("10h", "6h")) == [("decision", "tightened", False)]
    clock = w.case.clocks["decision"]
    assert (clock.due_at, clock.version, clock.pack_version) == (T + minutes(360), 2, 2)
    assert clock.history[-1]["why"] == "house version 2 applied by mara: new promises from December on"
    assert w.timers["decision/warn"].at == T + minutes(180)
    assert w.all(ClocksChanged)[-1].clocks[1].due_at == T + minutes(360)


def test_loosening_what_a_customer_was_told_needs_the_flag() -> None:
    w = begun()
    assert applied(w, ONE.replace("10h", "20h")) == [("decision", "kept", False)]
    assert w.case.clocks["decision"].due_at == T + minutes(600)
    assert applied(w, ONE.replace("10h", "20h"), loosen=True) == [("decision", "relaxed", False)]
    assert w.case.clocks["decision"].due_at == T + minutes(1200)


def test_glpi_15605_pauses_survive_a_change_of_policy() -> None:
    w = begun()
    w.tell(lives.asked(T + minutes(400)))
    w.until(T + minutes(120))
    w.tell(lives.replied(T + minutes(120)))
    assert w.case.clocks["decision"].due_at == T + minutes(720)
    applied(w, ONE.replace("10h", "6h"))
    clock = w.case.clocks["decision"]
    assert clock.due_at == T + minutes(360 + 120)
    assert "waiting for the customer" in clock.en


def test_a_change_in_the_middle_of_a_pause_leaves_it_paused() -> None:
    w = begun()
    w.until(T + minutes(60))
    w.tell(lives.asked(T + minutes(400)))
    applied(w, ONE.replace("10h", "6h"))
    clock = w.case.clocks["decision"]
    assert (clock.state, clock.due_at) == ("paused", T + minutes(360 + 340))
    w.until(T + minutes(80))
    w.tell(lives.replied(T + minutes(80)))
    assert (clock.state, clock.due_at) == ("running", T + minutes(360 + 20))


def test_what_is_met_or_missed_stays_what_it_is() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(50)))
    assert applied(w, ONE.replace("limit: 1h", "limit: 10min")) == []
    assert w.case.clocks["acknowledgement"].state == "met"
    w = begun()
    w.until(T + minutes(61))
    assert applied(w, ONE.replace("limit: 1h", "limit: 3h"), loosen=True) == []
    assert w.case.clocks["acknowledgement"].state == "breached"


def test_a_clock_that_is_late_under_the_new_version_is_said_beforehand_and_breaches_at_its_deadline() -> None:
    w = begun()
    w.until(T + minutes(400))
    w.tell(lives.letter("acknowledgement", T + minutes(5)))
    assert ("decision", "tightened", True) in applied(w, ONE.replace("10h", "6h"))
    w.until(T + minutes(400))
    assert w.times(SlaBreached)[-1] == T + minutes(360)


def test_a_rule_that_is_gone_ends_its_clock_only_when_loosening_and_a_new_one_opens_its_own() -> None:
    w = begun()
    rows = "  - {clock: acknowledgement, limit: 1h}\n  - {clock: first_response, limit: 2h}"
    assert applied(w, rows) == [("first_response", "opened", False), ("decision", "kept", False)]
    assert applied(w, rows, loosen=True) == [("decision", "ended", False)]
    assert w.case.clocks["decision"].state == "cancelled"


def test_applying_twice_changes_nothing_more() -> None:
    w = begun()
    order = Order(stored(w, ONE.replace("10h", "6h")), "mara", "why not", False)
    apply(w.book, w.case, order, w.now)
    version = w.case.clocks["decision"].version
    moved, effects = apply(w.book, w.case, order, w.now)
    assert (moved, effects, w.case.clocks["decision"].version) == ([], [], version)


def test_a_version_that_is_switched_off_binds_nobody_and_takes_nothing_back_by_itself() -> None:
    w = begun()
    assert {how for _, how, _ in applied(w, ONE, more="active: false")} == {"kept"}
    assert w.case.pins == ()
    assert w.case.clocks["decision"].state == "running"


def test_a_change_of_language_is_a_change_of_calendar_and_only_tightens() -> None:
    rows = "  - {clock: decision, limit: 2wd, pausable: true}"
    friday = datetime(2026, 9, 30, 7, 0, tzinfo=UTC)  # 15:00 in Shanghai, the day before a week of holidays
    book = book_of(pack(rows, calendar="{zh: cn-mainland, en: uk-england}"))
    for first, second, moves in (("zh", "en", True), ("en", "zh", False)):
        w = World(book, friday)
        w.tell(lives.received(friday, language=first))
        before = w.case.clocks["decision"].due_at
        customer = lives.received(friday, language=second).customer
        w.tell(lives.customer_changed(customer))
        clock = w.case.clocks["decision"]
        assert (clock.due_at < before) is moves
        assert clock.calendar == "uk-england"
        assert len(clock.history) == moves


@examples(80)
@given(
    st.sampled_from(["1h", "5h", "9h", "1cd", "3cd"]),
    st.sampled_from(["1h", "5h", "9h", "1cd", "3cd"]),
    st.integers(0, 900),
    st.booleans(),
)
def test_without_the_flag_no_deadline_ever_moves_later(before: str, after: str, wait: int, asks: bool) -> None:
    w = begun(f"  - {{clock: decision, limit: {before}, pausable: true}}")
    if asks:
        w.tell(lives.asked(T + timedelta(days=2)))
    w.until(T + minutes(wait))
    due = w.case.clocks["decision"].due_at
    order = Order(stored(w, f"  - {{clock: decision, limit: {after}, pausable: true}}"), "mara", "trying it")
    moved, _ = apply(w.book, w.case, order, w.now)
    assert w.case.clocks["decision"].due_at <= due
    assert all(isinstance(m, Moved) and m.how in ("tightened", "kept") for m in moved)
