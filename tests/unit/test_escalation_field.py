"""Defects of others, each by project and number: what went wrong there does not go wrong here.

Those that a single deadline shows stand in golden.yaml; these are about behaviour.
"""

from datetime import UTC, datetime, timedelta

from services.escalation.checks import check
from shared.calendars import Duration, builtin
from shared.events.escalation import ClocksChanged, RungReached, SlaBreached, SlaWarning
from tests.support import lives
from tests.support.lives import World, book_of, minutes, pack

T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)


def begun(rows: str, *, at: datetime = T, calendar: str = "always", tier: str = "low", language: str = "en") -> World:
    w = World(book_of(pack(rows, calendar=calendar)), at)
    w.tell(lives.received(at, tier=tier, language=language))
    return w


def test_zammad_5177_the_time_of_the_next_update_never_overrules_the_first_response() -> None:
    w = begun("  - {clock: first_response, limit: 2h}\n  - {clock: next_update, limit: 1h}")
    for n in range(1, 11):
        w.until(T + minutes(10 * n))
        w.tell(lives.letter("progress", T + minutes(10 * n)))
    first = w.case.clocks["first_response"]
    assert (first.due_at, first.version) == (T + minutes(120), 1)
    w.until(T + minutes(121))
    assert [b.kind for b in w.all(SlaBreached)] == ["first_response"]


def test_zammad_3140_our_own_reply_escalates_nothing_and_starts_no_wait_of_the_customer() -> None:
    w = begun("  - {clock: next_update, limit: 1h, ladder: [{at: 100%, action: notify, to: lead}]}")
    w.until(T + minutes(59))
    w.tell(lives.letter("reply", T + minutes(59), by="h1"))
    w.until(T + minutes(70))
    assert (w.all(SlaBreached), w.all(RungReached)) == ([], [])
    assert w.case.clocks["next_update"].due_at == T + minutes(119)


def test_zammad_4432_no_rung_at_midnight_or_on_a_weekend_unless_it_says_so() -> None:
    rows = """
  - clock: decision
    limit: 8h
    ladder:
      - {at: 100%, action: notify, to: lead, hours: working}
      - {at: +1h, action: notify, to: manager, hours: working}
      - {at: +30h, action: notify, to: manager, hours: working}
      - {at: +2h, action: page, to: lead}
"""
    w = begun(rows, at=FRIDAY, calendar="uk-england")
    w.until(FRIDAY + timedelta(days=5))
    found = dict(zip([(r.action, r.rung) for r in w.all(RungReached)], w.times(RungReached), strict=True))
    monday = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert found == {
        ("notify", 1): monday, ("notify", 2): monday, ("notify", 3): monday,
        ("page", 4): datetime(2026, 11, 21, 2, 30, tzinfo=UTC),
    }  # fmt: skip
    assert w.times(SlaBreached) == [FRIDAY + timedelta(hours=8)], "the breach itself is a fact of its own time"


def test_glpi_22678_a_level_before_the_deadline_comes_in_working_time() -> None:
    w = World(
        book_of(
            pack("  - {clock: decision, limit: 2wd, ladder: [{at: -2bh, action: notify}]}", calendar="cn-mainland")
        ),
        T,
    )
    start = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)  # Monday 10:30 in Shanghai
    w.now = start
    w.tell(lives.received(start, language="zh"))
    w.until(start + timedelta(days=3))
    (at,) = w.times(RungReached)
    assert at == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)  # Tuesday 17:30: two working hours before Wednesday 10:30
    calendar = builtin().get("cn-mainland")
    assert calendar.is_open(at - timedelta(seconds=1))


def test_glpi_15605_time_that_was_waited_survives_a_stricter_rule() -> None:
    rows = "  - {clock: decision, limit: 10h, pausable: true}\n"
    rows += "  - {clock: decision, when: {severity: P1}, limit: 6h, pausable: true}"
    w = begun(rows)
    w.tell(lives.asked(T + minutes(400)))
    w.until(T + minutes(120))
    w.tell(lives.replied(T + minutes(120)))
    w.tell(lives.triaged(severity="P1"))
    assert w.case.clocks["decision"].due_at == T + minutes(360 + 120)


def test_libredesk_a_policy_with_one_clock_only_is_settled_when_it_is_met() -> None:
    w = begun("  - {clock: first_response, limit: 2h}")
    w.tell(lives.responded(T + minutes(5)))
    assert [c.state for c in w.case.clocks.values()] == ["met"]
    assert w.timers == {}, "nothing is looked at again"


def test_libredesk_a_breach_bears_the_time_of_its_deadline_and_not_of_the_tick() -> None:
    w = begun("  - {clock: decision, limit: 1h}")
    w.sleep(T + minutes(64))
    w.until(T + minutes(64))
    assert w.times(SlaBreached) == [T + minutes(60)]


def test_libredesk_an_hour_over_26_closed_days_has_a_deadline() -> None:
    closed = builtin().get("uk-england")
    assert closed.add(datetime(2026, 11, 20, 16, 30, tzinfo=UTC), Duration.parse("1bh")) == datetime(
        2026, 11, 23, 9, 30, tzinfo=UTC
    )  # golden.yaml has the row with 26 closed days; here: no cap on how far is looked
    assert closed.advance(T, timedelta(hours=8 * 700)) > T + timedelta(days=900)


def test_frappe_1675_pausing_and_going_on_again_and_again_loses_no_minute() -> None:
    w = begun("  - {clock: decision, limit: 5bh, pausable: true}", calendar="uk-england")
    for n in range(1, 8):
        w.until(w.now + minutes(10))
        w.tell(lives.asked(w.now + timedelta(days=9), n))
        w.until(w.now + minutes(10))
        w.tell(lives.replied(w.now))
    assert w.case.clocks["decision"].due_at == datetime(2026, 11, 23, 16, 10, tzinfo=UTC)


def test_frappe_3776_nobody_is_late_because_of_the_zone_they_look_from() -> None:
    start = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)  # 17:30 in Shanghai
    w = begun(
        "  - {clock: decision, limit: 1bh}", at=start, calendar="{zh: cn-mainland, en: uk-england}", language="zh"
    )
    clock = w.case.clocks["decision"]
    assert clock.due_at == datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    w.until(start + timedelta(hours=8))
    assert clock.state == "running"


def test_frappe_a_changed_policy_moves_nothing_at_the_next_save() -> None:
    book = book_of(pack("  - {clock: decision, limit: 10h}"))
    w = World(book, T)
    w.tell(lives.received(T))
    body = pack("  - {clock: decision, limit: 1h}")
    book.put(type(book.editions()[0])(2, check(body, book.calendars), 2, T, body))
    w.tell(lives.triaged())
    w.tell(lives.letter("progress", T + minutes(1)))
    assert w.case.clocks["decision"].due_at == T + minutes(600)


def test_frappe_3465_reopening_neither_reopens_nor_repaints_the_first_outcome() -> None:
    w = begun("  - {clock: decision, limit: 10h}\n  - {clock: reopened, limit: 2h}")
    w.tell(lives.letter("resolution", T + minutes(30)))
    w.until(T + timedelta(days=3))
    w.tell(lives.reopened(T + timedelta(days=3)))
    w.until(T + timedelta(days=4))
    first, again = w.case.clocks["decision"], w.case.clocks["reopened:1"]
    assert (first.state, first.stopped_at, again.state) == ("met", T + minutes(30), "breached")
    assert [o for o in w.outcomes() if o[0] == "decision"] == [("decision", "met")]


def test_django_helpdesk_days_off_lengthen_and_no_monday_escalates_everything() -> None:
    saturday = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
    w = begun(
        "  - {clock: decision, limit: 2wd, ladder: [{at: 100%, action: raise_priority, to: lead}]}",
        at=saturday, calendar="uk-england",
    )  # fmt: skip
    w.until(datetime(2026, 11, 24, 16, 59, tzinfo=UTC))
    assert w.all(RungReached) == []
    w.until(datetime(2026, 11, 24, 17, 0, tzinfo=UTC))
    assert [r.action for r in w.all(RungReached)] == ["raise_priority"]


def test_chatwoot_6889_zammad_2532_frappe_2050_osticket_6405_a_ladder_has_as_many_levels_as_it_needs() -> None:
    rungs = ", ".join(f"{{at: +{n}h, action: notify, to: lead}}" for n in range(1, 16))
    w = begun(f"  - {{clock: decision, limit: 1h, ladder: [{rungs}]}}")
    w.until(T + timedelta(days=2))
    assert [r.rung for r in w.all(RungReached)] == list(range(1, 16))


def test_osticket_one_alert_is_not_all_and_none_comes_twice() -> None:
    w = begun("  - {clock: decision, limit: 1h, warn: [0.5, 0.9], ladder: [{at: 100%, action: notify, to: lead}]}")
    for n in range(0, 400, 7):
        w.until(T + minutes(n))
        w.tell(lives.triaged())
    assert (len(w.all(SlaWarning)), len(w.all(SlaBreached)), len(w.all(RungReached))) == (2, 1, 1)


def test_zammad_an_overdue_complaint_costs_nothing_until_its_next_rung() -> None:
    w = begun("  - {clock: decision, limit: 1h, ladder: [{at: +30h, action: notify, to: lead}]}")
    w.until(T + minutes(61))
    assert {name: arm.at for name, arm in w.timers.items()} == {"decision/rung/1": T + timedelta(hours=31)}
    w.until(T + timedelta(hours=32))
    assert w.timers == {}


def test_digit_zendesk_what_is_due_needs_nobody_to_ask() -> None:
    w = begun("  - {clock: decision, limit: 1h}")
    assert [arm.at for arm in w.timers.values()] == [T + minutes(60)], "the very moment, not the next period"
    assert len(w.all(ClocksChanged)) == 1
