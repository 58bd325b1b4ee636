"""How a customer asked to be written to."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from shared.base.errors import NotFound
from shared.base.fields import Said
from shared.base.security import allow, caller
from shared.spine.spine import Spine

from ..debts import Debts
from ..model import Matter, Wish
from ..store import Reading
from ..wishes import Wishes
from .letters import STAFF


class WishIn(BaseModel):
    """The way and the format that a customer asked for. `call`: letters are read to them on the telephone.

    `postal_address` has a line for each line of the envelope; `chat` is what the chat gateway knows the customer by.
    """

    model_config = ConfigDict(extra="forbid")
    channel: Literal["email", "sms", "post", "chat", "call"] | None = None
    large_print: bool = False
    postal_address: Said | None = Field(None, min_length=1, max_length=500)
    chat: Said | None = Field(None, min_length=1, max_length=200)


class WishOut(WishIn):
    noted_by: str = ""


def router(spine: Spine[Matter], reading: Reading, debts: Debts) -> APIRouter:
    """The routes about wishes."""
    routes, wishes = APIRouter(prefix="/v1/complaints/{complaint_id}/wish"), Wishes(debts)

    @routes.get("")
    @allow(*STAFF)
    async def shown(complaint_id: UUID) -> WishOut:
        """What the customer asked for; nothing in particular is the usual way."""
        async with spine.db.read() as tx:
            facts = await reading.facts(tx, complaint_id)
        if facts is None:
            raise NotFound("complaint")
        return WishOut.model_validate((facts.wish or Wish()).model_dump())

    @routes.put("")
    @allow("handler", "lead", "manager")
    async def noted(complaint_id: UUID, request: Request, body: WishIn) -> WishOut:
        """Note it: every letter that is written from now on follows it, and what had no way goes out if it has one."""
        wish = Wish(**body.model_dump(), noted_by=caller(request).name)
        await spine.work.command(complaint_id, lambda m, now: wishes.note(m, wish, now))
        return WishOut.model_validate(wish.model_dump())

    return routes
