"""Escalation, composed."""

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from shared.base.errors import Refused
from shared.base.loops import Loop
from shared.base.runtime import Service
from shared.base.security import Authenticator
from shared.base.sessions import AskRouting
from shared.base.web import web_app
from shared.calendars import CalendarError, Calendars, load_calendars
from shared.deliver.http import Poster, networks
from shared.deliver.webhooks import Target, Webhooks
from shared.spine.spine import Spine

from . import api
from .book import PolicyBook
from .checks import check
from .commands import Commands
from .document import Faulty
from .handlers import Escalation
from .model import Case
from .pages import TARGET, OnCall
from .settings import Settings
from .standing import FIGURES
from .store import Store


def pack_texts(own: Path | None) -> dict[str, str]:
    """File name → text of the packs to keep: the company's file or folder, otherwise the package's own."""
    if own is None:
        found = files(__package__).joinpath("packs").iterdir()
        return {f.name: f.read_text(encoding="utf-8") for f in sorted(found, key=lambda f: f.name)}
    paths = sorted(own.glob("*.yaml")) if own.is_dir() else [own]
    return {str(path): path.read_text(encoding="utf-8") for path in paths}


def read_data(settings: Settings) -> tuple[Calendars, dict[str, str]]:
    """Calendars and pack texts, checked. Raises Refused with the first thing that is wrong: file, line, key."""
    try:
        calendars, texts = load_calendars(settings.calendars), pack_texts(settings.escalation_packs)
        for name, body in texts.items():
            try:
                check(body, calendars)
            except Faulty as error:
                raise Refused(f"{name}:{error.faults[0]}") from None
    except (CalendarError, OSError, UnicodeDecodeError) as error:
        raise Refused(str(error)) from None
    return calendars, texts


def _warm(calendars: Calendars, texts: dict[str, str], languages: Iterable[str]) -> None:
    """Work out this year and the next in the packs' calendars, so that no event waits for it."""
    year = datetime.now(UTC).year
    for body in texts.values():
        pack = check(body, calendars)
        for rule in pack.clocks:
            for language in languages:
                calendars.get(pack.calendar_id(rule, language)).warm(year, year + 1)


def build(settings: Settings) -> Service:
    """The composition root."""
    calendars, texts = read_data(settings)
    book = PolicyBook(calendars)
    _warm(calendars, texts, settings.tongues.all)
    on_call = _on_call(settings)
    store, escalation = Store(book, on_call), Escalation(book)
    spine: Spine[Case] = Spine(
        settings,
        service="escalation",
        store=store,
        handlers=escalation.table(),
        on_timer=escalation.on_timer,
        concerns=escalation.concerns,
        figures=FIGURES,
    )

    async def opened() -> None:
        await spine.opened()

        async def keep() -> None:
            async with spine.db.transaction() as tx:
                await store.keep_files(tx, texts)

        await spine.db.retrying(keep, tries=10)

    web = web_app(
        "escalation",
        api.routers(spine, store, Commands(book)),
        auth=Authenticator(*settings.token_keys, confirm=AskRouting(settings.routing_url)),
        ready=spine.ready,
        desk_url=settings.desk_url,
    )
    poster = Poster(allowed=networks(settings.on_call_networks))

    async def target(name: str) -> Target | None:
        return Target(on_call.url, on_call.secret) if on_call and name == TARGET else None

    async def closed() -> None:
        await poster.close()
        await spine.closed()

    paging = Loop("paging", Webhooks(spine.db, poster, target).run, stall_after=180)
    return Service("escalation", settings, web, [*spine.loops(), paging], opened, closed)


def _on_call(settings: Settings) -> OnCall | None:
    secret = settings.on_call_secret.get_secret_value()
    if settings.on_call_url is None:
        return None
    if settings.on_call_format == "webhook" and len(secret) < 16:
        raise Refused("AMENDS_ON_CALL_SECRET: at least 16 characters, or nobody can tell our webhooks from others")
    return OnCall(settings.on_call_url, secret, settings.on_call_format)
