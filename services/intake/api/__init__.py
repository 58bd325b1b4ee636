"""HTTP: what comes in becomes one call. `Desk` holds what the routes call."""

from dataclasses import dataclass
from datetime import timedelta

from services.intake.coalescer import Coalescer
from services.intake.conversation import Conversation
from services.intake.directory import Directory
from services.intake.links import Links
from services.intake.mailroom import Mailroom
from services.intake.model import Case
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

    @property
    def reopen_within(self) -> timedelta:
        """How long after its end a customer may open a complaint again."""
        return timedelta(days=self.settings.reopen_days)
