"""The composition root of routing."""

import sys

from shared.base.loops import Loop
from shared.base.runtime import Service
from shared.base.security import Authenticator
from shared.base.web import web_app
from shared.spine.spine import Spine

from . import policy as policies
from .api import attachments, routers
from .api.base import Desk
from .cause_model import CauseModel
from .handlers import Ending, Offers, event_handlers, timer_handler
from .rounds import Rounds
from .settings import Settings
from .store import Store
from .store.standing import FIGURES
from .triage import Triage, load_rules


def build(settings: Settings) -> Service:
    """Routing as one process: consumer, timers of offers, rounds, API and desk. Exits with 2 for a wrong policy."""
    try:
        policy = policies.load(settings.routing_policy)
    except policies.PolicyError as problem:
        print(f"AMENDS_ROUTING_POLICY: {problem}", file=sys.stderr)
        raise SystemExit(2) from None
    store, offers = Store(policy), Offers(policy)
    spine = Spine(
        settings,
        service="routing",
        store=store,
        handlers=event_handlers(policy, Triage(load_rules(), CauseModel.load())),
        on_timer=timer_handler(policy),
        figures=FIGURES,
    )
    rounds = Rounds(spine, store, policy)
    desk = Desk(spine, store, policy, offers, Ending(policy), wake=rounds.wake)
    auth = Authenticator(*settings.token_keys)
    return Service(
        name="routing",
        settings=settings,
        web=web_app(
            "routing",
            routers(desk),
            auth=auth,
            ready=spine.ready,
            larger_bodies={attachments.PATH: attachments.LIMIT},
        ),
        loops=[*spine.loops(), Loop("rounds", rounds.run)],
        opened=spine.opened,
        closed=spine.closed,
    )
