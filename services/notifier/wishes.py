"""How a customer asked to be written to: noted by a person, followed by every letter from then on."""

from collections.abc import Iterator
from datetime import datetime

from shared.base.errors import NotFound, Problem
from shared.spine.effects import Effect

from .debts import Debts, unclaimed
from .model import Matter, Wish

_NEEDS = {"post": "postal_address", "chat": "chat"}


class Wishes:
    """Pure, like `Debts`."""

    def __init__(self, debts: Debts) -> None:
        self.debts = debts

    def note(self, matter: Matter, wish: Wish, now: datetime) -> Iterator[Effect]:
        """Note it. What had no way goes out if there is one now. Raises Problem when the house cannot follow it."""
        facts = matter.facts
        if facts is None:
            raise NotFound("complaint")
        if wish.channel not in (None, "call", *self.debts.channels):
            detail = f"No letter can leave on this way: {wish.channel} is not set up."
            raise Problem(422, "Unprocessable", detail, errors=[{"pointer": "/channel", "detail": detail}])
        needed = _NEEDS.get(wish.channel or "")
        if needed and not getattr(wish, needed):
            raise Problem(
                422, "Unprocessable", "Say where to.", errors=[{"pointer": f"/{needed}", "detail": "is missing"}]
            )
        facts.wish = wish
        for row in unclaimed(matter, "no_address"):
            yield from self.debts.write(matter, row, facts, now)
