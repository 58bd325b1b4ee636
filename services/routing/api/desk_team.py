"""What leads see: who waits for what, who is free, what is declined; and the week's complaints to read as they came."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shared.base.errors import Problem
from shared.base.security import allow, public

from ..duty import on_duty
from ..presence import absent
from ..store import desk as kept
from ..store import matters, people
from . import desk_bulk, deskforms, deskviews
from .deskbase import Screen, to

FIGURES_DAYS = 90
READ = 12  # complaints of a week: half an hour of reading
WEEK = re.compile(r"^(\d{4})-W(\d{2})$")


@allow("lead", "manager")
async def leads_only() -> None:
    """Carries who may see the team; `authorize` reads it."""


@allow("lead", "manager", "quality")
async def readers_only() -> None:
    """Carries who may read the sample."""


async def team(
    screen: Screen, request: Request, *, message: str | None = None, lines: Sequence[str] = (), status: int = 200
) -> Response:
    """Waiting by tier and skill, the oldest, who is free, what nobody can take, declines by cause."""
    desk, now = screen.desk, datetime.now(UTC)
    actor, since = await desk.actor(request), desk.news.hub.position
    async with desk.spine.db.read() as tx:
        staff = await people.everybody(tx)
        by_skill = await kept.waiting_by_skill(tx)
        waiting = deskviews.shown(await kept.waiting(tx, 40))
        for_lead = deskviews.shown(await kept.for_lead(tx))
        declines = await kept.declines(tx)
        first = await matters.first_contacts(tx, now - timedelta(days=FIGURES_DAYS), now)
    tiers = [t for t in ("top", "high", "middle", "low") if any(row["tier"] == t for row in by_skill)]
    tiers += sorted({row["tier"] for row in by_skill} - set(tiers))
    oldest = [row["waiting_since"] for row in waiting if row["waiting_since"]]
    free = [h for h in staff if not absent(h, now) and h.load < h.capacity]
    return screen.page(
        request,
        "team",
        actor,
        status,
        here="/desk/team" if request.method == "POST" else None,
        **desk_bulk.around(screen, request, actor, {h.id: h.name for h in staff}, "team", message, lines),
        since=since,
        staff=sorted(staff, key=lambda h: (bool(absent(h, now)), h.load >= h.capacity, h.name)),
        why_absent={h.id: absent(h, now) for h in staff},
        free=free,
        tiers=tiers,
        skills=_table(by_skill),
        waiting=waiting,
        oldest=min(oldest, default=None),
        for_lead=for_lead,
        first=first,
        share=matters.share(first),
        duty=on_duty(staff, now, "en"),
        unroutable=[row for row in for_lead if row["unroutable"]],
        declines=[{**row, "share": round(100 * row["declined"] / row["offers"])} for row in declines],
        owners={h.id: h.name for h in staff},
    )


def _table(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Skill → tier → {waiting, oldest}."""
    made: dict[str, dict[str, Any]] = {}
    for row in rows:
        made.setdefault(row["skill"], {})[row["tier"]] = row
    return made


def week_of(given: str, today: date) -> date:
    """The Monday of `2026-W47`; without one, of the last week that is over. Raises Problem 422."""
    if not given:
        return today - timedelta(days=today.weekday() + 7)
    found = WEEK.match(given)
    try:
        if found is None:
            raise ValueError
        return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise Problem(422, "Unprocessable content", "A week is written like 2026-W47.") from None


def name_of(monday: date) -> str:
    """`2026-W47`."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


async def sample(screen: Screen, request: Request) -> Response:
    """Complaints of one week as they came, picked at random: the same ones for everybody who asks for this week."""
    desk, today = screen.desk, datetime.now(UTC).date()
    monday = week_of(request.query_params.get("week", ""), today)
    since = datetime.combine(monday, datetime.min.time(), UTC)
    async with desk.spine.db.read() as tx:
        found = await kept.sample(tx, since, since + timedelta(days=7), name_of(monday), READ)
        staff = await people.everybody(tx)
    return screen.page(
        request,
        "sample",
        await desk.actor(request),
        week=name_of(monday),
        monday=since,
        before=name_of(monday - timedelta(days=7)),
        after=name_of(monday + timedelta(days=7)) if monday + timedelta(days=7) <= today else None,
        rows=found,
        owners={h.id: h.name for h in staff},
    )


def router(screen: Screen) -> APIRouter:
    """`/desk/team` and `/desk/sample`."""
    routes, desk = APIRouter(prefix="/desk", include_in_schema=False), screen.desk

    @routes.get("/team")
    @public
    async def show_team(request: Request) -> Response:
        actor = await screen.actor(request, leads_only)
        return await team(screen, request) if actor else screen.sign_in(request, status=403)

    @routes.get("/sample")
    @public
    async def show_sample(request: Request) -> Response:
        actor = await screen.actor(request, readers_only)
        return await sample(screen, request) if actor else screen.sign_in(request, status=403)

    @routes.post("/team/{handler_id}")
    @allow("lead", "manager")
    async def change(request: Request, handler_id: str) -> Response:
        """Set somebody's presence or capacity."""
        form = await deskforms.fields(request)
        presence, capacity = form.get("presence", ""), form.get("capacity", "")
        if presence in deskforms.PRESENCES:
            await desk.present(handler_id, deskforms.PRESENCES[presence])
        if capacity.isdecimal() and int(capacity) <= 1000:
            async with desk.spine.db.transaction() as tx:
                await kept.set_capacity(tx, handler_id, int(capacity))
            desk.wake()
        return to("/desk/team")

    return routes
