"""Intake, composed."""

from datetime import timedelta
from functools import partial

from shared.base.loops import Loop
from shared.base.runtime import Service
from shared.base.security import Authenticator
from shared.base.sessions import AskRouting
from shared.base.web import web_app
from shared.deliver import signing
from shared.deliver.http import Poster, networks
from shared.deliver.webhooks import Target, Webhooks
from shared.spine.spine import Spine

from . import identity, lmtp, purge, retention
from .accounting import FIGURES
from .admission import Admission
from .api import Desk, agent, bodies, channels, complaints, directory, links, mails, pages, tracking
from .api.site import FORM_BODY, Site
from .cleaning import Cleaning
from .coalescer import Coalescer
from .conversation import Conversation
from .directory import Directory
from .forms import FORMS
from .handlers import HANDLERS
from .imap import address
from .keys import ChannelKeys
from .linker import Linker
from .links import Links
from .mailboxes import Fetcher
from .mailroom import Mailroom
from .model import Case
from .paper import Paper
from .parsers import Parsers
from .policies import Policies
from .retention import Retention
from .review import Review
from .settings import Settings
from .settling import Settling
from .statuses import purpose
from .store import hooks
from .store.cases import Store
from .switchboard import Switchboard

# What intake consumes is only shown to customers: a quarter of a second later costs them nothing and us much less.
VIEW_LINGER = 0.25


def desk_of(settings: Settings, spine: Spine[Case], kept: Retention) -> Desk:
    """Everything that the routes call."""
    key = settings.token_key.get_secret_value()
    links = Links(key, settings.public_url, settings.link_days, settings.token_keys[1:])
    admission = Admission(settings.deployment_id, links, settings.default_tier, kept, settings.tongues)
    parsers = Parsers(workers=settings.mail_workers, seconds=settings.mail_seconds, memory=settings.mail_memory)
    gateways = frozenset(host.lower() for host in settings.trusted_gateways)
    cleaning = Cleaning()
    return Desk(
        cleaning=cleaning,
        policies=Policies(settings.escalation_url, key),
        paper=Paper(settings.notifier_url, key),
        settings=settings,
        work=spine.work,
        links=links,
        coalescer=Coalescer(spine.work, admission, queue=settings.accept_queue),
        conversation=Conversation(spine.work, admission),
        review=Review(spine.db, parsers, kept.of("raw_mail")),
        mailroom=Mailroom(Settling(spine.work, admission, gateways), parsers, cleaning),
        switchboard=Switchboard(
            spine.work, admission, settings.phone_region, timedelta(seconds=settings.call_patience)
        ),
        directory=Directory(
            spine.work, settings.deployment_id, settings.phone_region, frozenset(settings.tiers), settings.tongues
        ),
    )


def mail_loops(settings: Settings, desk: Desk) -> list[Loop]:
    """What brings mail by itself."""
    loops = [Loop("mail sweep", desk.mailroom.run, stall_after=120)]
    if settings.lmtp_port:
        handler = lmtp.Handler(desk.mailroom, settings.max_mail)
        loops.append(Loop("lmtp", lmtp.Listener(handler, settings.lmtp_host, settings.lmtp_port).run))
    holder = str(identity.uuid7())
    for mailbox in settings.mailboxes:
        fetcher = Fetcher(
            address(mailbox.get_secret_value()),
            desk.mailroom,
            holder=holder,
            poll=settings.mailbox_poll,
            compare=settings.mailbox_compare,
            most=settings.max_mail,
        )
        loops.append(Loop(fetcher.name, fetcher.run, stall_after=600))
    return loops


def build(settings: Settings) -> Service:
    """The composition root."""
    kept = retention.load(settings.retention, settings.phone_region)
    spine: Spine[Case] = Spine(
        settings,
        service="intake",
        store=Store(kept.of("letter")),
        handlers=HANDLERS,
        linger=VIEW_LINGER,
        figures=FIGURES,
    )
    desk = desk_of(settings, spine, kept)
    keys = ChannelKeys(spine.db, per_minute=settings.key_per_minute)
    site, linker = Site(desk), Linker(spine.work)
    web = web_app(
        "intake",
        [
            complaints.router(desk),
            channels.router(desk),
            directory.router(desk),
            mails.router(desk),
            pages.router(desk, site),
            tracking.router(desk, site),
            agent.router(desk, site),
            links.router(desk, site, linker),
        ],
        auth=Authenticator(*settings.token_keys, lookup=keys.lookup, confirm=AskRouting(settings.routing_url)),
        ready=spine.ready,
        desk_url=settings.desk_url,
        routes=[complaints.route(desk)],
        body_limit=settings.max_body,
        larger_bodies={"/v1/emails": settings.max_mail, **{f"/{page}": FORM_BODY for page in (*FORMS, "track/")}},
        trouble=site.trouble,
    )
    bodies.describe(web, complaints.description())

    poster = Poster(allowed=networks(settings.webhook_networks))

    async def target(name: str) -> Target | None:
        async with spine.db.read() as tx:
            found = await hooks.find(tx, name)
        if found is None:
            return None
        url, version = found
        return Target(url, signing.derived(settings.token_key.get_secret_value(), purpose(name, version)))

    async def closed() -> None:
        await poster.close()
        await desk.mailroom.finish()
        await spine.closed()

    own = [
        *mail_loops(settings, desk),
        Loop("coalescer", desk.coalescer.run, stall_after=120),
        Loop("call sweep", desk.switchboard.run),
        Loop("purge", partial(purge.run, spine.db), stall_after=600),
        Loop("links", linker.run),
        Loop("webhooks", Webhooks(spine.db, poster, target).run, stall_after=180),
    ]
    return Service("intake", settings, web, [*spine.loops(), *own], spine.opened, closed)
