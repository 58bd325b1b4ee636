"""The notifier, composed."""

from shared.base.errors import Refused
from shared.base.runtime import Service
from shared.base.security import Authenticator
from shared.base.web import web_app
from shared.deliver.smtp import BadUrl, Pool, server
from shared.spine.spine import Spine

from . import api, language, policy, remedies, specimens
from .debts import Debts
from .handlers import Notifier
from .lint import Linter
from .model import Matter
from .sending import Identity, Sender
from .settings import Settings
from .store import Outgoing, Reading, Store
from .store.standing import FIGURES
from .writer import Writer


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
    store, notifier, reading, outgoing = Store(writer.policy.keep_days), Notifier(writer), Reading(), Outgoing()
    spine: Spine[Matter] = Spine(
        settings, service="notifier", store=store, handlers=notifier.table(), on_timer=notifier.on_timer,
        figures=FIGURES,
    )  # fmt: skip
    sender = Sender(
        spine, store.ready, outgoing, pool, writer.policy, writer.languages, identity(settings),
        lease=settings.letter_lease,
    )  # fmt: skip

    async def closed() -> None:
        await pool.close()
        await spine.closed()

    web = web_app(
        "notifier",
        api.routers(spine, reading, Debts(writer), writer, rules),
        auth=Authenticator(settings.token_key.get_secret_value()),
        ready=spine.ready,
    )
    loops = [*spine.loops(), *sender.loops()]
    return Service("notifier", settings, web, loops, spine.opened, closed)
