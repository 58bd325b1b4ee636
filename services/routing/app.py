"""The composition root of routing."""

import sys

from shared.base.loops import Loop
from shared.base.runtime import Service
from shared.base.security import Authenticator
from shared.base.web import web_app
from shared.spine.spine import Spine

from . import policy as policies
from .accounts import Accounts
from .api import attachments, routers
from .api.base import Desk
from .cause_model import CauseModel
from .duty import Roster
from .dutywatch import DutyWatch
from .handlers import Ending, Offers, event_handlers, timer_handler
from .intake import Intake
from .live import Hub
from .news import NewsRoom
from .notifier import Notifier
from .rounds import Rounds
from .settings import Settings
from .store import Store, replies
from .store.standing import FIGURES
from .triage import Triage, load_rules


def build(settings: Settings) -> Service:
    """Routing as one process: consumer, timers of offers, rounds, API and desk. Exits with 2 for a wrong policy."""
    try:
        policy = policies.load(settings.routing_policy)
    except policies.PolicyError as problem:
        print(f"AMENDS_ROUTING_POLICY: {problem}", file=sys.stderr)
        raise SystemExit(2) from None
    store, offers, roster = Store(policy), Offers(policy), Roster()
    spine = Spine(
        settings,
        service="routing",
        store=store,
        handlers=event_handlers(policy, Triage(load_rules(), CauseModel.load()), roster),
        on_timer=timer_handler(policy),
        figures=FIGURES,
    )

    watch = DutyWatch(spine.db, roster)

    async def opened() -> None:
        await spine.opened()
        await spine.db.retrying(watch.look, tries=10)

        async def ship() -> None:
            async with spine.db.transaction() as tx:
                await replies.ship(tx)

        await spine.db.retrying(ship, tries=10)

    rounds = Rounds(spine, store, policy)
    news = NewsRoom(spine, Hub(settings.desk_connections))

    def wake() -> None:
        rounds.wake()
        watch.wake()
        news.staff_changed()

    notifier, intake = Notifier(settings.notifier_url), Intake(settings.intake_url)
    accounts = Accounts(spine.db, settings.token_key.get_secret_value(), settings.session_hours)
    desk = Desk(spine, store, policy, offers, Ending(policy), wake, settings, accounts, news, notifier, intake)
    auth = Authenticator(*settings.token_keys, confirm=accounts.confirm)

    async def closed() -> None:
        await notifier.close()
        await intake.close()
        await spine.closed()

    return Service(
        name="routing",
        settings=settings,
        web=web_app(
            "routing",
            routers(desk),
            auth=auth,
            ready=spine.ready,
            larger_bodies=dict.fromkeys(attachments.PATHS, attachments.LIMIT),
            desk_url=settings.desk_url or "",
        ),
        loops=[
            *spine.loops(),
            Loop("rounds", rounds.run),
            Loop("duty", watch.run),
            Loop("desk-tell", news.tell),
            Loop("desk-hear", news.hear),
        ],
        opened=opened,
        closed=closed,
        draining=news.hub.end,
    )
