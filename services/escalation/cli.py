"""`amends policy …` and `amends calendar …`."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from shared.base.commands import Json, fail
from shared.base.config import Settings, load
from shared.base.db import Database
from shared.calendars import CalendarError, Calendars, Duration, explain, load_calendars, read_moment

from .book import PolicyBook
from .change import Order
from .changing import Report, preview, words_of
from .checks import check
from .document import Faulty
from .policy import Pack
from .store import Store

policy = typer.Typer(help="Check policy packs, and see what one would change.", no_args_is_help=True)
calendar = typer.Typer(help="Reckon with business time.", no_args_is_help=True)

CalendarId = Annotated[str, typer.Option("--calendar", help="Its id: cn-mainland, mon-fri@Asia/Tokyo, …")]
From = Annotated[str, typer.Option("--from", help="A time, RFC 3339; without a zone it is the calendar's own.")]


class CalendarSettings(Settings):
    """A company's own calendars."""

    calendars: Path | None = None


class DatabaseSettings(Settings):
    """For looking at the open complaints."""

    database_url: SecretStr


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
            fail(f"{path}: {error.strerror}", 2)
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


@policy.command("preview")
def policy_preview(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The pack as it would be, in YAML or JSON.")],
    as_json: Json = False,
) -> None:
    """Say which open complaints a version would move, relax or make late. Reads escalation's database
    (AMENDS_DATABASE_URL), changes nothing. Exit 1 when the file is no pack."""
    calendars = _calendars()
    try:
        text = path.read_text(encoding="utf-8")
        pack = check(text, calendars)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}", 2)
    except Faulty as error:
        fail(f"{path}:{error.faults[0]}", 1)
    try:
        report = asyncio.run(_previewed(load(DatabaseSettings), calendars, pack, text))
    except (SQLAlchemyError, OSError) as error:
        fail(f"the database cannot be read ({type(error).__name__})", 1)
    if as_json:
        print(json.dumps({"pack": pack.pack, "open": report.open, **report.counts}, indent=2))
        return
    print(f"{pack.pack}: {report.open} open complaints; clocks: {words_of(report.counts)}")
    for moved in report.listed:
        before, after = (str(at)[:16] if at else "none" for at in (moved.due_before, moved.due_after))
        late = ", late at once" if moved.breaches else ""
        print(f"{moved.complaint_id} {moved.kind}: {moved.how}, {before} → {after} UTC{late}")


async def _previewed(settings: DatabaseSettings, calendars: Calendars, pack: Pack, text: str) -> Report:
    store = Store(PolicyBook(calendars))
    db = Database(settings.database_url.get_secret_value(), "escalation", work_pool=2, api_pool=1)
    try:
        async with db.transaction() as tx:
            await store.refresh(tx)
        book, edition = store.book.with_candidate(pack, text)
        return await preview(db, store, book, Order(edition, "preview", "preview", loosen=True))
    finally:
        await db.close()


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
        fail(str(error), 2)
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
        fail(str(error), 2)
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
        fail(str(error), 2)


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
