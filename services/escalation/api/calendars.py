"""Reckoning in business time."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from shared.base.errors import Problem
from shared.base.security import allow
from shared.calendars import Calendar, CalendarError, Calendars, Duration, UnknownCalendar, explain, read_moment

from .shapes import STAFF, AddOut, BetweenOut, CalendarOut, Words, wrong


def router(calendars: Calendars) -> APIRouter:
    """The routes about calendars."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/calendars")
    @allow(*STAFF)
    async def list_calendars() -> list[CalendarOut]:
        """The calendars there are; `id@Zone` is one with its hours in another time zone."""
        return [CalendarOut(id=c.id, title=c.spec.title, zone=c.zone.key) for c in calendars]

    @routes.get("/calendars/{calendar_id:path}/add", response_model_by_alias=True)
    @allow(*STAFF)
    async def add(
        calendar_id: str,
        start: Annotated[str, Query(alias="from", description="RFC 3339; without a zone it is the calendar's own")],
        duration: Annotated[str, Query(description="30s 15min 4h 30bmin 4bh 3wd 15cd 8w 6mo, 3wd:close")],
    ) -> AddOut:
        """Where a duration ends that runs from a moment, and why there."""
        calendar = _calendar(calendars, calendar_id)
        begin = _moment("from", start, calendar)
        try:
            limit = Duration.parse(duration)
            end = calendar.add(begin, limit)
        except CalendarError as error:
            raise wrong("duration", error) from None
        said = explain(calendar, begin, limit, end)
        return AddOut(
            calendar=calendar.id, zone=calendar.zone.key, start=begin, duration=str(limit), due_at=end,
            due_local=end.astimezone(calendar.zone), explanation=Words(zh=said.zh, en=said.en),
        )  # fmt: skip

    @routes.get("/calendars/{calendar_id:path}/between", response_model_by_alias=True)
    @allow(*STAFF)
    async def between(
        calendar_id: str, start: Annotated[str, Query(alias="from")], end: Annotated[str, Query(alias="to")]
    ) -> BetweenOut:
        """The working time between two moments."""
        calendar = _calendar(calendars, calendar_id)
        begin, until = _moment("from", start, calendar), _moment("to", end, calendar)
        try:
            work, days = calendar.between(begin, until), calendar.working_days_between(begin, until)
        except CalendarError as error:
            raise wrong("from", error) from None
        return BetweenOut(
            calendar=calendar.id, zone=calendar.zone.key, start=begin, end=until,
            working_seconds=work.total_seconds(), working_days=days, elapsed_seconds=(until - begin).total_seconds(),
        )  # fmt: skip

    return routes


def _moment(name: str, text: str, calendar: Calendar) -> datetime:
    try:
        return read_moment(text, calendar.zone)
    except CalendarError as error:
        raise wrong(name, error) from None


def _calendar(calendars: Calendars, id_: str) -> Calendar:
    try:
        return calendars.get(id_)
    except UnknownCalendar as error:
        raise Problem(404, "Not found", str(error)) from None
    except CalendarError as error:
        raise wrong("id", error) from None
