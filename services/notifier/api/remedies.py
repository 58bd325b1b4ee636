"""What the remedy rules propose."""

from decimal import Decimal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from shared.base.fields import Clean
from shared.base.security import allow

from ..policy import Policy
from ..remedies import Proposal, Rules, Situation, propose
from .tools import WRITERS


class ProposeIn(Clean, Situation):
    """A case as the rules see it, and what whoever decides may grant alone; without it the house's authority."""

    authority: dict[str, Decimal] | None = Field(None, max_length=50)


class ProposedOut(BaseModel):
    """Proposals in the order of thought: apologise, put back, loss, symbolic sum, improve. `rules`: their version."""

    rules: str
    proposals: list[Proposal]


def router(rules: Rules, policy: Policy) -> APIRouter:
    """The route that a desk asks while a decision is being made."""
    routes = APIRouter(prefix="/v1/remedies")

    @routes.post("/propose")
    @allow(*WRITERS)
    async def proposed(wanted: ProposeIn) -> ProposedOut:
        """Remedies that fit this case, with their sums and why. A person decides."""
        limits = policy.authority if wanted.authority is None else wanted.authority
        return ProposedOut(rules=rules.version, proposals=propose(rules, wanted, limits))

    return routes
