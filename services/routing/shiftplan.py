"""A shift plan as a CSV file: what it says, and everything that is wrong with it, by line and column.

Columns: `handler`, `start` and `end` (HH:MM), and either `days` (`Mon-Fri`, `1-5`, `Sat Sun`, `周一至周五`) or `date`
(2026-06-09); besides `zone` (Europe/London), `from` and `until` (the days between which a weekly shift is worked). A
shift whose end is before its start goes over midnight and belongs to the day on which it begins. The file holds the
whole plan of each handler whom it names: their shifts of before go, everybody else's stay.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .model import Shift

COLUMNS = ("handler", "days", "date", "start", "end", "zone", "from", "until")
_OTHER_NAMES = {
    "经办人": "handler", "员工": "handler", "星期": "days", "日期": "date", "开始": "start", "结束": "end",
    "时区": "zone", "起": "from", "止": "until", "weekdays": "days", "to": "until",
}  # fmt: skip
_DAYS = {
    name: n
    for n, names in enumerate(
        ("1 mon monday 周一 星期一", "2 tue tuesday 周二 星期二", "3 wed wednesday 周三 星期三",
         "4 thu thursday 周四 星期四", "5 fri friday 周五 星期五", "6 sat saturday 周六 星期六",
         "7 sun sunday 周日 周天 星期日 星期天"),
        1,
    )
    for name in names.split()
}  # fmt: skip
_TIME = re.compile(r"(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)")
MOST_ROWS, MOST_PER_HANDLER, MOST_BYTES = 20_000, 400, 2 << 20
_DAY_MINUTES = 1440
_EARLIEST, _LATEST = date(2000, 1, 1), date(2100, 12, 31)


@dataclass(frozen=True, order=True)
class Wrong:
    """One thing that is wrong: line and column as a spreadsheet shows them, from 1; column 0 is the whole line."""

    line: int
    column: int
    name: str
    detail: str


@dataclass(frozen=True)
class Row:
    """One shift of the file."""

    line: int
    handler: str
    zone: str
    shift: Shift


@dataclass
class Plan:
    """What a file says: its shifts in its order, and everything that is wrong. `columns`: name → number from 1."""

    columns: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    def of_handlers(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.handler, []).append(row)
        return found


def decoded(raw: bytes) -> str:
    """A spreadsheet's bytes as text: UTF-8 with or without a mark, else what Chinese spreadsheets write."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


def read(raw: bytes, known: Iterable[str]) -> Plan:
    """Everything in a file, with all that is wrong with it. `known`: the ids of the staff."""
    plan = Plan()
    text = decoded(raw)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as problem:
        plan.wrong.append(Wrong(reader.line_num, 0, "", f"not readable as CSV: {problem}"))
        return plan
    lines = [(n, cells) for n, cells in lines if any(cells)]
    if not lines:
        plan.wrong.append(Wrong(1, 0, "", "the file is empty"))
        return plan
    columns = plan.columns = _header(lines[0], plan)
    if len(lines) > MOST_ROWS:
        plan.wrong.append(Wrong(lines[MOST_ROWS][0], 0, "", f"at most {MOST_ROWS} shifts in one file"))
    if plan.wrong:
        plan.wrong.sort()
        return plan
    staff = frozenset(known)
    for n, cells in lines[1:]:
        _Line(n, cells, columns, staff, plan).read()
    _together(plan)
    plan.wrong.sort()
    return plan


def _header(line: tuple[int, list[str]], plan: Plan) -> dict[str, int]:
    n, cells = line
    columns: dict[str, int] = {}
    for at, cell in enumerate(cells, 1):
        name = _OTHER_NAMES.get(cell.casefold(), cell.casefold())
        if name not in COLUMNS:
            plan.wrong.append(Wrong(n, at, cell, f"unknown column; there are {', '.join(COLUMNS)}"))
        elif name in columns:
            plan.wrong.append(Wrong(n, at, cell, f"column {name} is there twice"))
        else:
            columns[name] = at
    for name in ("handler", "start", "end"):
        if name not in columns:
            plan.wrong.append(Wrong(n, 0, name, f"column {name} is missing"))
    if "days" not in columns and "date" not in columns:
        plan.wrong.append(Wrong(n, 0, "days", "column days or date is missing"))
    return columns


class _Line:
    """One line; its mistakes go to the plan."""

    def __init__(self, n: int, cells: Sequence[str], columns: Mapping[str, int], staff: frozenset[str], plan: Plan):
        self.n, self.columns, self.staff, self.plan = n, columns, staff, plan
        self.cells = {name: cells[at - 1] if at <= len(cells) else "" for name, at in columns.items()}
        self.extra = len(cells) > max(columns.values()) and any(cells[max(columns.values()) :])

    def wrong(self, name: str, detail: str) -> None:
        self.plan.wrong.append(Wrong(self.n, self.columns.get(name, 0), name, detail))

    def read(self) -> None:
        before = len(self.plan.wrong)
        get = self.cells.get
        if self.extra:
            self.wrong("", "more cells than the header has columns")
        handler = get("handler", "")
        if handler not in self.staff:
            self.wrong("handler", f"{handler[:64]} is not on the staff list" if handler else "no handler")
        start, end = self._time("start"), self._time("end")
        if start and start == end:
            self.wrong("end", "start and end are the same; a whole day is 00:00 to 24:00")
        days, first, last = self._days()
        zone = get("zone", "")
        if zone and not _is_zone(zone):
            self.wrong("zone", f"{zone[:64]} is not a time zone")
        if len(self.plan.wrong) == before:
            self.plan.rows.append(Row(self.n, handler, zone, Shift(days, start, end, first, last)))

    def _time(self, name: str) -> str:
        value = self.cells[name].replace("：", ":")
        if not (found := _TIME.fullmatch(value)) or (value == "24:00" and name == "start"):
            self.wrong(name, f"{value[:20]} is not a time; write 09:00" if value else f"no {name}")
            return ""
        return value if value == "24:00" else f"{int(found[1]):02}:{found[2]}"

    def _days(self) -> tuple[tuple[int, ...], str, str]:
        days, on = self.cells.get("days", ""), self.cells.get("date", "")
        if bool(days) == bool(on):
            self.wrong("days" if "days" in self.columns else "date", "give days or a date, one of the two")
        if on:
            for name in ("from", "until"):
                if self.cells.get(name):
                    self.wrong(name, "a shift on one date has no other days")
            day = self._date("date")
            return ((day.isoweekday(),), day.isoformat(), day.isoformat()) if day else ((), "", "")
        first, last = (self._date(name) if self.cells.get(name) else None for name in ("from", "until"))
        if first and last and last < first:
            self.wrong("until", "before the day in from")
        found = _weekdays(days) if days else []
        if days and not found:
            self.wrong("days", f"{days[:40]} are not weekdays; write Mon-Fri, 1-5 or Sat Sun")
        return tuple(found), first.isoformat() if first else "", last.isoformat() if last else ""

    def _date(self, name: str) -> date | None:
        value = self.cells[name].replace("/", "-")
        try:
            day = date(*(int(part) for part in value.split("-")))
        except (ValueError, TypeError):
            self.wrong(name, f"{value[:20]} is not a date; write 2026-06-09")
            return None
        if not _EARLIEST <= day <= _LATEST:
            self.wrong(name, f"the date must be between {_EARLIEST} and {_LATEST}")
            return None
        return day


def _weekdays(text: str) -> list[int]:
    """ISO weekdays of `Mon-Fri`, `1-5`, `周一至周五`; empty when a part is none. `Sat-Mon` goes over Sunday."""
    found: set[int] = set()
    spaced = re.sub(r"\s*[-–~～至到]\s*", "-", text.casefold())
    for part in re.split(r"[\s,;/、，]+", spaced):
        begin, dash, end = part.partition("-")
        if begin not in _DAYS or (dash and end not in _DAYS):
            return []
        a, b = _DAYS[begin], _DAYS[end] if dash else _DAYS[begin]
        found |= {(a - 1 + k) % 7 + 1 for k in range((b - a) % 7 + 1)}
    return sorted(found)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _together(plan: Plan) -> None:
    """What is wrong only beside other lines: two zones of one handler, too many shifts, shifts that overlap."""
    for rows in plan.of_handlers().values():
        zones = [row for row in rows if row.zone]
        for row in zones[1:]:
            if row.zone != zones[0].zone:
                detail = f"another zone than {zones[0].zone} in line {zones[0].line}: a handler has one"
                plan.wrong.append(Wrong(row.line, plan.columns["zone"], "zone", detail))
        if len(rows) > MOST_PER_HANDLER:
            detail = f"at most {MOST_PER_HANDLER} shifts for one handler"
            plan.wrong.append(Wrong(rows[MOST_PER_HANDLER].line, 0, "", detail))
        else:
            plan.wrong += _overlaps(rows, plan.columns["start"])


@dataclass(frozen=True)
class _Piece:
    """The part of a shift that lies on one weekday: minutes of that day, and between which days it is worked."""

    row: Row
    begin: int
    end: int
    first: date
    last: date


def _overlaps(rows: Sequence[Row], column: int) -> Iterator[Wrong]:
    told: set[int] = set()
    for weekday in range(1, 8):
        pieces = sorted(_pieces(rows, weekday), key=lambda p: (p.first, p.row.line))
        for n, one in enumerate(pieces):
            for other in pieces[n + 1 :]:
                if other.first > one.last:
                    break
                early, late = sorted((one.row, other.row), key=lambda r: r.line)
                if early is late or late.line in told or one.begin >= other.end or other.begin >= one.end:
                    continue
                if _meet(weekday, other.first, min(one.last, other.last)):
                    told.add(late.line)
                    yield Wrong(late.line, column, "start", f"overlaps the shift in line {early.line}")


def _pieces(rows: Iterable[Row], weekday: int) -> Iterator[_Piece]:
    before = (weekday - 2) % 7 + 1
    for row in rows:
        shift = row.shift
        first = date.fromisoformat(shift.first) if shift.first else _EARLIEST
        last = date.fromisoformat(shift.last) if shift.last else _LATEST
        begin, end = _minutes(shift.start), _minutes(shift.end)
        over = end < begin
        if weekday in shift.days:
            yield _Piece(row, begin, _DAY_MINUTES if over else end, first, last)
        if over and end and before in shift.days:
            day = timedelta(days=1)
            yield _Piece(row, 0, end, first + day, last + day)


def _meet(weekday: int, first: date, last: date) -> bool:
    """Whether the weekday falls between two days."""
    return first + timedelta(days=(weekday - first.isoweekday()) % 7) <= last


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)
