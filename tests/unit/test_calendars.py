"""Business time: golden deadlines, refusals, explanations, speed, and 2,816 real replies."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import chinese_calendar
import pytest
import yaml

from services.escalation.clocks import shifted
from shared.calendars import (
    BadDuration,
    Calendar,
    CalendarError,
    Duration,
    NoWorkingTime,
    OutOfRange,
    UnknownCalendar,
    builtin,
    explain,
    load_calendars,
    read_moment,
    read_spec,
)
from tests.support import xlsx

GOLDEN = yaml.load(  # every scalar as text: YAML would read a time without an offset as UTC
    Path(__file__).with_name("golden.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)
DATA = Path(os.environ.get("AMENDS_TEST_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
REPLIES = DATA / "letters" / "zh_government_replies_2816.xlsx"


@pytest.fixture(scope="module")
def calendars(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("calendars") / "own.yaml"
    path.write_text(yaml.safe_dump(GOLDEN["calendars"], allow_unicode=True), encoding="utf-8")
    return load_calendars(path)


@pytest.mark.parametrize("row", GOLDEN["rows"], ids=lambda row: f"{row[0]} {row[1]} + {row[2]}")
def test_golden_deadline(row: list[str], calendars: Any) -> None:
    calendar = calendars.get(row[0])
    start, due = read_moment(row[1], calendar.zone), read_moment(row[3], calendar.zone)
    assert calendar.add(start, row[2]).astimezone(calendar.zone) == due.astimezone(calendar.zone), row[4]


@pytest.mark.parametrize("row", GOLDEN["paused"], ids=lambda row: f"{row[0]} {row[1]} + {row[2]} paused")
def test_golden_deadline_with_pauses(row: list[Any], calendars: Any) -> None:
    calendar, limit = calendars.get(row[0]), Duration.parse(row[2])
    at = partial(read_moment, zone=calendar.zone)
    due = shifted(calendar, limit.business, calendar.add(at(row[1]), limit), [(at(a), at(b)) for a, b in row[3]])
    assert due.astimezone(calendar.zone) == at(row[4]).astimezone(calendar.zone), row[5]


def test_there_are_enough_golden_rows_and_each_names_its_source() -> None:
    rows = [*GOLDEN["rows"], *GOLDEN["paused"]]
    assert len(rows) >= 150
    assert len({tuple(map(str, row[:-1])) for row in rows}) == len(rows)
    assert all(row[-1].strip() for row in rows)


# Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "3", "wd", "3 wd", "1.5h", "3d", "1e3s", "99999999s", "-3wd:close", "2h:close", "٣wd"]
)
def test_what_is_no_duration_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(BadDuration, match=r"30s, 15min|close"):
        Duration.parse(text)


@pytest.mark.parametrize(
    "text", ["30s", "15min", "4h", "30bmin", "4bh", "3wd", "3wd:close", "15cd", "8w", "6mo", "-2bh"]
)
def test_a_duration_reads_back_as_it_is_written(text: str) -> None:
    assert str(Duration.parse(text)) == text


def spec(**more: Any) -> dict[str, Any]:
    return {"zone": "UTC", "week": {"mon-fri": "09:00-17:00"}, **more}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (spec(week={}), "no working time at all"),
        (spec(week={"mon": []}), "no working time at all"),
        (spec(zone="Mars/Olympus"), "c.zone"),
        (spec(zone=None), "c.zone"),
        (spec(week={"monday": "09:00-17:00"}), "'monday' is not a weekday"),
        (spec(week={"mon": "9-17"}), "'9-17' is not a span"),
        (spec(week={"mon": "09:00-09:00"}), "is empty"),
        (spec(week={"mon": ["09:00-12:00", "11:00-17:00"]}), "overlap"),
        (spec(week={"mon": ["22:00-06:00", "23:00-24:00"]}), "overlap"),
        (spec(week={"mon-tue": ["08:00-12:00", "22:00-09:00"]}), "next day's first"),
        (spec(week={"mon": 9}), "write a list of spans"),
        (spec(week=["mon"]), "c.week"),
        (spec(holidays="XX"), "'XX' is not a known country"),
        (spec(holidays="GB-XYZ"), "'GB-XYZ' is not a known country"),
        (spec(holidays="GB", make_up="china"), "c.make_up"),
        (spec(days={"2026-02-30": "closed"}), "c.days"),
        (spec(every_year={"2-30": "closed"}), "c.every_year"),
        (spec(hollidays="GB"), "unknown key 'hollidays'"),
        ("mon-fri", "a calendar is a map"),
    ],
)
def test_a_wrong_calendar_is_refused_by_key(data: Any, says: str) -> None:
    with pytest.raises(CalendarError) as refused:
        read_spec("c", data)
    assert says in str(refused.value)


def test_a_calendar_that_never_opens_again_gives_up_clearly() -> None:
    once = Calendar(read_spec("once", {"zone": "UTC", "week": {}, "days": {date(2026, 1, 5): ["09:00-17:00"]}}))
    assert once.add(datetime(2026, 1, 1, tzinfo=UTC), "8bh") == datetime(2026, 1, 5, 17, tzinfo=UTC)
    for limit in ("9bh", "2wd"):
        began = time.monotonic()
        with pytest.raises(NoWorkingTime):
            once.add(datetime(2026, 1, 1, tzinfo=UTC), limit)
        assert time.monotonic() - began < 1


def test_a_company_file_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    for body, says in (
        ("ours: {zone: UTC", "own.yaml:"),
        ("[]", "own.yaml: must be"),
        ("ours: {zone: X}", "ours.zone"),
    ):
        path.write_text(body, encoding="utf-8")
        with pytest.raises(CalendarError, match=says):
            load_calendars(path)
    with pytest.raises(CalendarError, match="cannot be read"):
        load_calendars(tmp_path / "none.yaml")


@pytest.mark.parametrize("id_", ["", "nope", "always@", "always@Nowhere", "@UTC", "always@../etc/passwd"])
def test_an_unknown_calendar_is_named(id_: str) -> None:
    with pytest.raises((UnknownCalendar, CalendarError)):
        builtin().get(id_)


@pytest.mark.parametrize(
    ("start", "limit"),
    [
        (datetime(2026, 1, 1), "1wd"),
        (datetime(1, 1, 1, tzinfo=UTC), "1wd"),
        (datetime(9999, 12, 31, 23, tzinfo=UTC), "1h"),
        (datetime(2199, 12, 31, tzinfo=UTC), "400cd"),
        (datetime(2199, 12, 31, tzinfo=UTC), "1200mo"),
        (datetime(2026, 1, 1, tzinfo=UTC), "9999999h"),
        (datetime(2026, 1, 1, tzinfo=UTC), "9999999bh"),
    ],
)
def test_times_without_zone_or_out_of_range_are_refused(start: datetime, limit: str) -> None:
    for id_ in ("uk-england", "always@Asia/Tokyo"):
        with pytest.raises(OutOfRange):
            builtin().get(id_).add(start, limit)


# Words -----------------------------------------------------------------------------------------------------------


def words(id_: str, start: str, limit: str) -> tuple[str, str]:
    calendar = builtin().get(id_)
    begin = read_moment(start, calendar.zone)
    said = explain(calendar, begin, Duration.parse(limit), calendar.add(begin, limit))
    return said.en, said.zh


def test_a_deadline_says_how_it_came_about_in_both_languages() -> None:
    assert words("cn-mainland", "2025-09-30T16:40", "3wd") == (
        "3 working days in Asia/Shanghai from 30 Sep 16:40; closed 1-8 Oct; Sat 11 Oct is a make-up day"
        " → due 11 Oct 16:40",
        "自9月30日16:40起3个工作日（Asia/Shanghai时间）；10月1日至8日休息；10月11日（周六）为调休上班日"
        " → 截止10月11日16:40",
    )


@pytest.mark.parametrize(
    ("id_", "start", "limit", "en"),
    [
        ("always", "2026-11-22T10:00:05", "15min", "15 minutes in UTC from 22 Nov 10:00:05 → due 22 Nov 10:15:05"),
        (
            "uk-england",
            "2026-11-20T10:00",
            "1wd",
            "1 working day in Europe/London from 20 Nov 10:00 → due 23 Nov 10:00",
        ),
        (
            "uk-england",
            "2026-12-24T10:00",
            "4wd",
            "4 working days in Europe/London from 24 Dec 2026 10:00; closed 25-28 Dec; closed 1 Jan"
            " → due 4 Jan 2027 10:00",
        ),
        (
            "uk-england",
            "2026-04-02T10:00",
            "3wd:close",
            "the close of working day 3 in Europe/London after 2 Apr 10:00; closed 3-6 Apr → due 9 Apr 17:00",
        ),
        ("uk-england", "2026-04-02T10:00", "2w", "2 weeks in Europe/London from 2 Apr 10:00 → due 16 Apr 10:00"),
    ],
)
def test_explanations(id_: str, start: str, limit: str, en: str) -> None:
    assert words(id_, start, limit)[0] == en


def test_a_year_whose_make_up_days_are_not_published_says_so() -> None:
    en, zh = words("cn-mainland", "2035-03-01T10:00", "3wd")
    assert "not published yet" in en
    assert "尚未公布" in zh


# Speed -----------------------------------------------------------------------------------------------------------


def test_forty_working_days_take_at_most_fifty_microseconds() -> None:
    calendar = builtin().get("cn-mainland")
    start = datetime(2026, 9, 21, 8, 41, tzinfo=UTC)
    days, hours = Duration.parse("40wd"), Duration.parse("360bh")
    end = calendar.add(start, days)
    for question in (
        lambda: calendar.add(start, days),
        lambda: calendar.add(start, hours),
        lambda: calendar.between(start, end),
        lambda: calendar.working_days_between(start, end),
    ):
        best = min(_seconds(question) for _ in range(20))
        assert best < 50e-6


def _seconds(question: Any) -> float:
    began = time.perf_counter()
    for _ in range(100):
        question()
    return (time.perf_counter() - began) / 100


# Real replies ----------------------------------------------------------------------------------------------------


def replies() -> Iterator[tuple[datetime, datetime]]:
    zone = builtin().get("cn-mainland").zone
    for row in xlsx.rows(REPLIES):
        try:
            asked, answered = (_chinese_time(row[column]).replace(tzinfo=zone) for column in ("D", "G"))
        except (KeyError, ValueError):
            continue
        yield asked, answered


def _chinese_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y/%m/%d %H:%M:%S" if ":" in text else "%Y/%m/%d")


def _official(first: date, last: date) -> int:
    """Working days after `first` up to `last`, one by one, by the kept list of official notices."""
    return sum(chinese_calendar.is_workday(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))


def _official_due(asked: date, days: int) -> date:
    """The date of the n-th working day after a date, by the same list."""
    day = asked
    while days:
        day += timedelta(days=1)
        days -= chinese_calendar.is_workday(day)
    return day


@pytest.mark.skipif(not REPLIES.exists(), reason=f"no test data at {REPLIES}")
def test_real_replies_are_judged_as_the_official_calendar_does(capsys: pytest.CaptureFixture[str]) -> None:
    china, naive = builtin().get("cn-mainland"), builtin().get("mon-fri@Asia/Shanghai")
    found = list(replies())
    assert len(found) >= 2815
    wrong = dict.fromkeys((5, 7, 15), 0)
    for asked, answered in found:
        truth = _official(asked.date(), answered.date())
        assert china.working_days_between(asked, answered) == truth
        for days in wrong:
            assert china.add(asked, f"{days}wd:close").astimezone(china.zone).date() == _official_due(
                asked.date(), days
            )
            wrong[days] += (naive.working_days_between(asked, answered) <= days) != (truth <= days)
    said = ", ".join(f"{n} at {days} working days" for days, n in wrong.items())
    with capsys.disabled():
        print(f"\n  {len(found)} real replies, all judged as by the official list; Monday to Friday misjudges {said}")
    assert all(n > 0 for n in wrong.values())
