"""The notifier, composed."""

from typing import Any

from shared.base.db import is_transient
from shared.base.errors import Refused
from shared.base.loops import Loop, LoopControl
from shared.base.runtime import Service
from shared.base.security import Authenticator
from shared.base.web import web_app
from shared.deliver.http import Forbidden, Poster, checked_url, networks
from shared.deliver.smtp import BadUrl, Pool, server
from shared.deliver.texting import Gateway
from shared.spine.spine import Spine

from . import api, language, policy, remedies, specimens
from .debts import Debts
from .editions import Shelf
from .handlers import Notifier
from .lint import Linter
from .model import Matter
from .pdf import Sheet, render
from .sending import Identity, Sender
from .settings import Settings
from .store import Outgoing, Reading, Store
from .store.editions import PACKAGE, Editions
from .store.standing import FIGURES
from .writer import Writer

_TEMPLATES_SECONDS = 5.0


def read_data(settings: Settings) -> Writer:
    """Languages, rules and policy, checked and tried out. Raises Refused with the first thing that is wrong."""
    try:
        house = policy.load(settings.notifier_policy)
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


def texting(settings: Settings) -> Gateway | None:
    """The gateway for text messages, if there is one. Raises Refused naming the variable that is wrong."""
    if settings.sms_url is None:
        return None
    if settings.sms_secret is None:
        raise Refused("AMENDS_SMS_SECRET: is not set, and AMENDS_SMS_URL is")
    try:
        allowed = networks(settings.sms_networks)
    except ValueError as error:
        raise Refused(f"AMENDS_SMS_NETWORKS: {error}") from None
    try:
        checked_url(settings.sms_url, plain=bool(allowed))
    except Forbidden as error:
        raise Refused(f"AMENDS_SMS_URL: {error}") from None
    poster = Poster(allowed=allowed, timeout=settings.smtp_timeout)
    return Gateway(poster, settings.sms_url, settings.sms_secret.get_secret_value().encode())


def printed(row: Any, writer: Writer, settings: Settings) -> bytes:
    """A stored letter as PDF. Raises NoFont."""
    house, language = writer.policy.house[row.language], writer.languages[row.language]
    written_on = (row.sent_at or row.created_at).astimezone(writer.zone(row.language)).date()
    sheet = Sheet(
        house=house.name, house_contact=house.contact, name=row.to_name, subject=row.subject, reference=row.reference,
        language=language.html_lang, written_on=written_on, text=row.text,
    )  # fmt: skip
    return render(sheet, settings.letter_font)


def build(settings: Settings) -> Service:
    """The composition root."""
    writer = read_data(settings)
    try:
        rules = remedies.load(settings.remedy_rules)
        target = server(settings.smtp_url)
        pool = Pool(target, size=settings.smtp_connections, timeout=settings.smtp_timeout)
    except policy.PolicyError as error:
        raise Refused(str(error)) from None
    except BadUrl as error:
        raise Refused(f"AMENDS_SMTP_URL: {error}") from None
    gateway = texting(settings)
    store, reading, outgoing = Store(writer.policy.keep_days), Reading(), Outgoing()
    debts = Debts(writer, texts=gateway is not None)
    notifier = Notifier(debts)
    spine: Spine[Matter] = Spine(
        settings, service="notifier", store=store, handlers=notifier.table(), on_timer=notifier.on_timer,
        figures=FIGURES,
    )  # fmt: skip
    sender = Sender(
        spine, store.ready, outgoing, pool, writer.policy, writer.languages, identity(settings),
        lease=settings.letter_lease, gateway=gateway,
    )  # fmt: skip

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
        await pool.close()
        if gateway:
            await gateway.close()
        await spine.closed()

    web = web_app(
        "notifier",
        api.routers(spine, reading, debts, writer, rules, shelf, lambda row: printed(row, writer, settings)),
        auth=Authenticator(*settings.token_keys),
        ready=spine.ready,
    )
    loops = [*spine.loops(), *sender.loops(), Loop("templates", take_up)]
    return Service("notifier", settings, web, loops, spine.opened, closed)
