"""The notifier, composed."""

from datetime import UTC, datetime
from typing import Any

from shared.base.db import is_transient
from shared.base.errors import Refused
from shared.base.loops import Loop, LoopControl
from shared.base.runtime import Service
from shared.base.security import Authenticator
from shared.base.sessions import AskRouting
from shared.base.web import web_app
from shared.deliver.http import Forbidden, Poster, checked_url, networks
from shared.deliver.smtp import BadUrl, Pool, server
from shared.deliver.spool import Spool
from shared.deliver.texting import Gateway
from shared.spine.spine import Spine

from . import api, language, packs, policy, remedies, specimens
from .debts import Debts
from .editions import Shelf
from .handlers import Notifier
from .lint import Linter
from .model import Matter
from .pdf import Sheet, render
from .sending import Sender
from .settings import Settings
from .store import Attempt, Outgoing, Reading, Store
from .store.editions import PACKAGE, Editions
from .store.standing import FIGURES
from .ways import Identity, Ways
from .writer import Writer

_TEMPLATES_SECONDS = 5.0


def read_data(settings: Settings) -> Writer:
    """Languages, rules and policy, checked and tried out. Raises Refused with the first thing that is wrong."""
    packs.install(settings.tongues)
    try:
        house = packs.signed(policy.load(settings.notifier_policy))
        for code, signer in house.house.items():
            if signer.timezone != settings.time_zones.get(code):
                raise Refused(f"{code} letters are in {signer.timezone}, AMENDS_TIME_ZONES has another zone for {code}")
        writer = Writer(language.load_all(), house, Linter())
        specimens.try_out(writer)
    except (policy.PolicyError, language.LanguageError, specimens.Unfit) as error:
        raise Refused(str(error)) from None
    return writer


def identity(settings: Settings) -> Identity:
    """Who our mails are from."""
    sender = settings.mail_from or f"care@{settings.mail_domain}"
    return Identity(settings.mail_domain, sender, sender.rpartition("<")[2].rstrip(">"))


def gateways(settings: Settings) -> dict[str, Gateway]:
    """Where messages are posted, by channel. Raises Refused naming the variable that is wrong."""
    try:
        allowed = networks(settings.sms_networks)
    except ValueError as error:
        raise Refused(f"AMENDS_SMS_NETWORKS: {error}") from None
    found = {}
    for channel, event in (("sms", "text.message"), ("chat", "chat.message"), ("post", "letter.print")):
        url, secret = getattr(settings, f"{channel}_url"), getattr(settings, f"{channel}_secret")
        name = f"AMENDS_{channel.upper()}"
        if url is None:
            continue
        if secret is None:
            raise Refused(f"{name}_SECRET: is not set, and {name}_URL is")
        try:
            checked_url(url, plain=bool(allowed))
        except Forbidden as error:
            raise Refused(f"{name}_URL: {error}") from None
        poster = Poster(allowed=allowed, timeout=settings.smtp_timeout)
        found[channel] = Gateway(poster, url, secret.get_secret_value().encode(), event)
    return found


def spool(settings: Settings) -> Spool | None:
    """The folder of a printer, if there is one. Raises Refused when it is none."""
    if settings.post_spool is None:
        return None
    if not settings.post_spool.is_dir():
        raise Refused(f"AMENDS_POST_SPOOL: {settings.post_spool} is no folder")
    return Spool(settings.post_spool)


def printed(row: Any, writer: Writer, settings: Settings, at: datetime, *, large: bool = False) -> bytes:
    """A letter as PDF, dated in the customer's zone. Raises NoFont."""
    house, language = writer.context(row.language).house, writer.languages[writer.written_in(row.language)]
    written_on = at.astimezone(writer.zone(row.language)).date()
    sheet = Sheet(
        house=house.name, house_contact=house.contact, name=row.to_name, subject=row.subject, reference=row.reference,
        language=language.html_lang, written_on=language.day(written_on, "full", written_on), text=row.text,
        address=row.address if row.channel == "post" else None, large=large,
    )  # fmt: skip
    return render(sheet, settings.letter_font)


def ways(settings: Settings, writer: Writer) -> Ways:
    """On which ways letters leave. Raises Refused naming the variable that is wrong."""
    try:
        pool = Pool(server(settings.smtp_url), size=settings.smtp_connections, timeout=settings.smtp_timeout)
    except BadUrl as error:
        raise Refused(f"AMENDS_SMTP_URL: {error}") from None

    def paper(attempt: Attempt) -> bytes:
        return printed(attempt, writer, settings, datetime.now(UTC), large=attempt.large)

    return Ways(pool, identity(settings), writer.languages, paper, gateways(settings), spool(settings))


def build(settings: Settings) -> Service:
    """The composition root."""
    writer = read_data(settings)
    try:
        rules = remedies.load(settings.remedy_rules)
    except policy.PolicyError as error:
        raise Refused(str(error)) from None
    out = ways(settings, writer)
    store, reading, outgoing = Store(writer.policy.keep_days), Reading(), Outgoing()
    debts = Debts(writer, channels=out.open)
    notifier = Notifier(debts)
    spine: Spine[Matter] = Spine(
        settings, service="notifier", store=store, handlers=notifier.table(), on_timer=notifier.on_timer,
        figures=FIGURES,
    )  # fmt: skip
    sender = Sender(spine, store.ready, outgoing, out, writer.policy, lease=settings.letter_lease)
    shelf, editions = Shelf(writer), Editions()

    async def take_up(ctl: LoopControl) -> None:
        # What another replica put into use is written with here, too, a moment later.
        while not ctl.stopping:
            try:
                async with spine.db.read() as tx:
                    wanted = {**dict.fromkeys(shelf.using, PACKAGE), **await editions.in_use(tx)}
                    for code, edition in wanted.items():
                        if shelf.using.get(code, edition) != edition:
                            shelf.take(code, edition, await editions.document(tx, code, edition))
            except Exception as error:
                if not is_transient(error):
                    raise
            await ctl.sleep(_TEMPLATES_SECONDS)

    async def closed() -> None:
        await out.close()
        await spine.closed()

    def paper(row: Any) -> bytes:
        large = bool(row.inputs.get("large_print"))
        return printed(row, writer, settings, row.sent_at or row.created_at, large=large)

    web = web_app(
        "notifier",
        api.routers(spine, store, reading, debts, writer, rules, shelf, paper),
        auth=Authenticator(*settings.token_keys, confirm=AskRouting(settings.routing_url)),
        ready=spine.ready,
        desk_url=settings.desk_url,
    )
    loops = [*spine.loops(), *sender.loops(), Loop("templates", take_up)]
    return Service("notifier", settings, web, loops, spine.opened, closed)
