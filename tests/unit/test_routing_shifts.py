"""A shift plan as a file: what it says, every mistake by line and column, and who is there because of it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing import shiftplan
from services.routing.model import Shift
from services.routing.presence import on_shift
from tests.support.scale import examples

STAFF = ("zhang", "li.wei", "ada")
HEADER = "handler,days,start,end,zone,from,until\n"


def read(text: str) -> shiftplan.Plan:
    return shiftplan.read(text.encode(), STAFF)


def mistakes(text: str) -> list[tuple[int, int, str]]:
    return [(w.line, w.column, w.name) for w in read(text).wrong]


def test_a_plan_says_who_works_when_and_where() -> None:
    plan = read(
        HEADER
        + "zhang,Mon-Fri,9:00,17:30,Asia/Shanghai,,\n"
        + "li.wei,Sat Sun,22:00,06:00,Europe/London,2026-06-01,2026-08-31\n"
        + "\n"
        + "ada,周一至周三,00:00,24:00,,,\n"
    )
    assert plan.wrong == []
    assert [(r.line, r.handler, r.zone, r.shift) for r in plan.rows] == [
        (2, "zhang", "Asia/Shanghai", Shift((1, 2, 3, 4, 5), "09:00", "17:30")),
        (3, "li.wei", "Europe/London", Shift((6, 7), "22:00", "06:00", "2026-06-01", "2026-08-31")),
        (5, "ada", "", Shift((1, 2, 3), "00:00", "24:00")),
    ]


def test_dates_other_separators_chinese_headers_and_spreadsheets_encodings() -> None:
    dated = "经办人;日期;开始;结束\nzhang;2026/6/9;09：00;12:00\n"
    for raw in (dated.encode("utf-8-sig"), dated.encode("gb18030"), dated.replace("\n", "\r\n").encode()):
        plan = shiftplan.read(raw, STAFF)
        assert plan.wrong == []
        assert plan.rows[0].shift == Shift((2,), "09:00", "12:00", "2026-06-09", "2026-06-09")


def test_every_mistake_is_told_with_its_line_and_column() -> None:
    assert mistakes(
        HEADER
        + "nobody,Mon,09:00,17:00,Mars/Base,,\n"
        + "zhang,Someday,25:00,9,,2026-13-01,\n"
        + "zhang,,09:00,09:00,,2026-06-10,2026-06-01\n"
        + "ada,Mon,09:00,10:00,,,,,more\n"
    ) == [
        (2, 1, "handler"), (2, 5, "zone"),
        (3, 2, "days"), (3, 3, "start"), (3, 4, "end"), (3, 6, "from"),
        (4, 2, "days"), (4, 4, "end"), (4, 7, "until"),
        (5, 0, ""),
    ]  # fmt: skip
    assert mistakes("who,start,end\nzhang,1,2\n") == [(1, 0, "days"), (1, 0, "handler"), (1, 1, "who")]
    assert mistakes("") == [(1, 0, "")]
    assert mistakes(HEADER + 'zhang,"Mon,09:00,17:00\n')[0][0] == 2
    said = read(HEADER + "zhang,Mon,25:00,17:00,,,\n").wrong[0].detail
    assert said == "25:00 is not a time; write 09:00"


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ("zhang,Mon,09:00,12:00,,,", "zhang,Mon,11:59,13:00,,,", True),
        ("zhang,Mon,09:00,12:00,,,", "zhang,Mon,12:00,13:00,,,", False),
        ("zhang,Mon,09:00,12:00,,,", "li.wei,Mon,09:00,12:00,,,", False),
        ("zhang,Mon,22:00,06:00,,,", "zhang,Tue,05:00,09:00,,,", True),
        ("zhang,Mon,22:00,06:00,,,", "zhang,Tue,06:00,09:00,,,", False),
        ("zhang,Sun,22:00,06:00,,,", "zhang,Mon,05:00,09:00,,,", True),
        ("zhang,Mon,09:00,12:00,,2026-06-01,2026-06-07", "zhang,Mon,09:00,12:00,,2026-06-08,2026-06-14", False),
        ("zhang,Mon,09:00,12:00,,2026-06-01,2026-06-08", "zhang,Mon,09:00,12:00,,2026-06-08,2026-06-14", True),
        ("zhang,Mon,22:00,06:00,,2026-06-01,2026-06-01", "zhang,Tue,05:00,09:00,,2026-06-09,2026-06-09", False),
        ("zhang,Mon,22:00,06:00,,2026-06-01,2026-06-01", "zhang,Tue,05:00,09:00,,2026-06-02,2026-06-02", True),
    ],
)
def test_shifts_that_overlap_are_told_also_over_midnight_and_between_dates(
    first: str, second: str, overlap: bool
) -> None:
    wrong = read(f"{HEADER}{first}\n{second}\n").wrong
    told = [(w.line, w.column, w.detail) for w in wrong]
    assert told == ([(3, 3, "overlaps the shift in line 2")] if overlap else [])


def test_a_handler_has_one_zone() -> None:
    wrong = read(HEADER + "zhang,Mon,09:00,12:00,Asia/Shanghai,,\nzhang,Tue,09:00,12:00,Europe/London,,\n").wrong
    assert [(w.line, w.column) for w in wrong] == [(3, 5)]


_clocks = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")
_starts = st.dates(date(2026, 6, 1), date(2026, 6, 20))
_shifts = st.builds(
    lambda days, start, end, first, length: Shift(
        tuple(sorted(days)), start, end, first.isoformat(), (first + timedelta(days=length)).isoformat()
    ),
    st.sets(st.integers(1, 7), min_size=1, max_size=3), _clocks, _clocks, _starts, st.integers(0, 12),
).filter(lambda s: s.start != s.end)  # fmt: skip


@examples(60)
@given(st.lists(_shifts, min_size=2, max_size=3))
def test_an_overlap_is_told_exactly_when_two_shifts_cover_the_same_half_hour(shifts: list[Shift]) -> None:
    rows = "".join(
        f"zhang,{' '.join(map(str, s.days))},{s.start},{s.end},UTC,{s.first},{s.last}\n" for s in shifts
    )  # fmt: skip
    told = bool(read(HEADER + rows).wrong)
    begin = datetime(2026, 5, 31, 0, 15, tzinfo=UTC)
    half_hours = (begin + timedelta(minutes=30 * n) for n in range(48 * 40))
    meant = any(sum(on_shift([s], "UTC", at) for s in shifts) > 1 for at in half_hours)
    assert told == meant


def test_a_night_shift_belongs_to_its_first_day_and_to_the_handlers_own_zone() -> None:
    night = [Shift((6,), "22:00", "06:00", "2026-06-06", "2026-06-06")]
    shanghai = [datetime(2026, 6, 6, hour, tzinfo=UTC) for hour in (13, 14, 21, 22)]
    assert [on_shift(night, "Asia/Shanghai", at) for at in shanghai] == [False, True, True, False]
    assert not on_shift(night, "Asia/Shanghai", datetime(2026, 6, 13, 15, tzinfo=UTC)), "a week later"
    # The night on which London's clocks go forward is an hour shorter, and still ends at six there.
    spring = [Shift((6,), "22:00", "06:00")]
    assert on_shift(spring, "Europe/London", datetime(2026, 3, 29, 4, 59, tzinfo=UTC))
    assert not on_shift(spring, "Europe/London", datetime(2026, 3, 29, 5, 0, tzinfo=UTC))


def test_a_shift_on_one_date_is_worked_on_a_holiday_too() -> None:
    holiday = datetime(2026, 10, 1, 4, tzinfo=UTC)  # noon of the National Day in Shanghai
    weekly, dated = Shift((4,), "09:00", "17:00"), Shift((4,), "09:00", "17:00", "2026-10-01", "2026-10-01")
    assert not on_shift([weekly], "Asia/Shanghai", holiday, "cn-mainland")
    assert on_shift([weekly], "Asia/Shanghai", holiday)
    assert on_shift([dated], "Asia/Shanghai", holiday, "cn-mainland")
