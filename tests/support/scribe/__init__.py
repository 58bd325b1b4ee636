"""The ledger service (ledger.py) as a process of its own, talkative: every word of the customer leads to an event."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared.base.config import ServiceSettings
from shared.base.runtime import Service
from shared.base.security import Authenticator
from shared.base.web import web_app
from shared.events.envelope import Event
from shared.events.escalation import ClocksChanged
from shared.events.intake import CustomerReplied
from shared.spine.effects import Effect, Emit
from shared.spine.spine import Spine
from tests.support import ledger


class Handlers(ledger.Handlers):
    """As the ledger's, and a reply leads to an event too."""

    def on_replied(self, case: ledger.Told, event: Event[CustomerReplied], now: datetime) -> Iterable[Effect]:
        yield from super().on_replied(case, event, now)
        yield Emit(ClocksChanged(clocks=()))


def note(word: str) -> Any:
    """A command: one more entry, and the event that tells it."""

    def decide(case: ledger.Told, now: datetime) -> Iterable[Effect]:
        case.entries.append(word)
        yield Emit(ClocksChanged(clocks=()))

    return decide


def build(settings: ServiceSettings) -> Service:
    """The composition root."""
    handlers = Handlers(timer_after=2.0)
    spine = Spine(
        settings, service="escalation", store=ledger.Store(), handlers=handlers.table(), on_timer=handlers.on_timer
    )
    auth = Authenticator(*settings.token_keys)
    web = web_app("escalation", [], auth=auth, ready=spine.ready)
    return Service("escalation", settings, web, spine.loops(), spine.opened, spine.closed)
