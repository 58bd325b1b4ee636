"""`amends policy …` and `amends calendar …`."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from shared.base.config import Settings, load
from shared.calendars import CalendarError, Calendars, Duration, explain, load_calendars, read_moment

from .checks import check
from .document import Faulty

policy = typer.Typer(help="Check policy packs.", no_args_is_help=True)
calendar = typer.Typer(help="Reckon with business time.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CalendarId = Annotated[str, typer.Option("--calendar", help="Its id: cn-mainland, mon-fri@Asia/Tokyo, …")]
From = Annotated[str, typer.Option("--from", help="A time, RFC 3339; without a zone it is the calendar's own.")]


class CalendarSettings(Settings):
    """A company's own calendars."""

    calendars: Path | None = None


@policy.callback()
def _policy() -> None:
    """Keep `check` a subcommand while it is the only one."""


@policy.command("check")
def policy_check(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Packs in YAML or JSON.")],
    as_json: Json = False,
) -> None:
    """Say for each file whether it is a pack, and if not which line and key is wrong. Exit 1 when one is not."""
    calendars = _calendars()
    results: list[dict[str, Any]] = []
    for path in paths:
        try:
            pack = check(path.read_text(encoding="utf-8"), calendars)
        except OSError as error:
            _fail(f"{path}: {error.strerror}", 2)
        except UnicodeDecodeError:
            results.append({"file": str(path), "faults": [{"line": 1, "key": "", "message": "not UTF-8 text"}]})
        except Faulty as error:
            faults = [{"line": f.line, "key": f.key, "message": f.message} for f in error.faults]
            results.append({"file": str(path), "faults": faults})
        else:
            results.append({"file": str(path), "pack": pack.pack, "clocks": len(pack.clocks), "faults": []})
    if as_json:
        print(json.dumps(results, ensure_ascii=False, indent=2))
    else:
        _print_checks(results)
    raise SystemExit(int(any(r["faults"] for r in results)))


def _print_checks(results: list[dict[str, Any]]) -> None:
    for result in results:
        if not result["faults"]:
            print(f"{result['file']}: pack {result['pack']}, {result['clocks']} clocks, no fault")
        for fault in result["faults"]:
            print(f"{result['file']}:{fault['line']}: {fault['key'] + ': ' if fault['key'] else ''}{fault['message']}")


@calendar.command("add")
def calendar_add(
    calendar_id: CalendarId,
    start: From,
    duration: Annotated[str, typer.Option(help="30s 15min 4h 30bmin 4bh 3wd 15cd 8w 6mo, 3wd:close")],
    as_json: Json = False,
) -> None:
    """Where a duration ends that runs from a moment, and why there."""
    try:
        found = _calendars().get(calendar_id)
        begin, limit = read_moment(start, found.zone), Duration.parse(duration)
        due = found.add(begin, limit)
    except CalendarError as error:
        _fail(str(error), 2)
    said = explain(found, begin, limit, due)
    if as_json:
        print(
            json.dumps(
                {
                    "calendar": found.id,
                    "from": _rfc3339(begin),
                    "duration": str(limit),
                    "due_at": _rfc3339(due),
                    "due_local": due.astimezone(found.zone).isoformat(),
                    "explanation": {"zh": said.zh, "en": said.en},
                },
                ensure_ascii=False,
                indent=2,
            )
        )
    else:
        print(due.astimezone(found.zone).isoformat())
        print(said.en)
        print(said.zh)


@calendar.command("between")
def calendar_between(
    calendar_id: CalendarId,
    start: From,
    end: Annotated[str, typer.Option("--to", help="The later time.")],
    as_json: Json = False,
) -> None:
    """The working time between two moments."""
    try:
        found = _calendars().get(calendar_id)
        begin, until = read_moment(start, found.zone), read_moment(end, found.zone)
        work, days = found.between(begin, until), found.working_days_between(begin, until)
    except CalendarError as error:
        _fail(str(error), 2)
    if as_json:
        print(
            json.dumps(
                {
                    "calendar": found.id,
                    "from": _rfc3339(begin),
                    "to": _rfc3339(until),
                    "working_seconds": work.total_seconds(),
                    "working_days": days,
                    "elapsed_seconds": (until - begin).total_seconds(),
                },
                indent=2,
            )
        )
    else:
        print(f"{work.total_seconds() / 3600:g} working hours, {days} working days after the first day")


def _calendars() -> Calendars:
    try:
        return load_calendars(load(CalendarSettings).calendars)
    except CalendarError as error:
        _fail(str(error), 2)


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _fail(message: str, code: int) -> NoReturn:
    print(f"amends: {message}", file=sys.stderr)
    raise SystemExit(code)
