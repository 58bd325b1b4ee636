"""HTTP: what comes in becomes one call. `Desk` holds what the routes call."""

from dataclasses import dataclass
from datetime import timedelta

from services.intake import promise
from services.intake.cleaning import Cleaning
from services.intake.coalescer import Coalescer
from services.intake.conversation import Conversation
from services.intake.directory import Directory
from services.intake.links import Links
from services.intake.mailroom import Mailroom
from services.intake.model import Case
from services.intake.paper import Paper
from services.intake.policies import Policies
from services.intake.review import Review
from services.intake.settings import Settings
from services.intake.switchboard import Switchboard
from shared.spine.unit import Work


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that a route may call."""

    settings: Settings
    work: Work[Case]
    links: Links
    coalescer: Coalescer
    conversation: Conversation
    mailroom: Mailroom
    review: Review
    switchboard: Switchboard
    directory: Directory
    policies: Policies
    paper: Paper
    cleaning: Cleaning

    async def reopen_days(self) -> int:
        """How many days after its end a customer may open a complaint again: the policy in force, else the setting."""
        told = promise.reopen_days(await self.policies.packs())
        return self.settings.reopen_days if told is None else told

    async def reopen_within(self, case: Case) -> timedelta | None:
        """The same for this complaint; None while it has not ended and nobody needs to know."""
        return timedelta(days=await self.reopen_days()) if case.ended_at else None
