"""The list of addresses that get no letters."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from shared.base.errors import NotFound
from shared.base.fields import Said
from shared.base.security import allow
from shared.spine.spine import Spine

from ..store import Reading
from ..store.cases import suppress, unsuppress


class SuppressedOut(BaseModel):
    """An address that letters came back from, or whose owner wants none, with why and since when."""

    address: str
    reason: str
    letter_id: UUID | None
    at: datetime


class AddressIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    address: Said = Field(min_length=3, max_length=320)


class SuppressIn(AddressIn):
    reason: Said = Field(min_length=1, max_length=200)


def router(spine: Spine[Any], reading: Reading) -> APIRouter:
    """The routes; addresses stand in bodies, so that no log of addresses called holds one."""
    routes = APIRouter(prefix="/v1/suppressed")

    @routes.get("")
    @allow("lead", "manager", "ops", "auditor")
    async def listed(limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> list[SuppressedOut]:
        """Addresses that get no letters, the newest first."""
        async with spine.db.read() as tx:
            return [SuppressedOut.model_validate(dict(r._mapping)) for r in await reading.suppressed(tx, limit)]

    @routes.post("", status_code=204)
    @allow("lead", "manager", "ops")
    async def add(body: SuppressIn) -> None:
        """Send nothing more to this address. Letters to it fail at once, and their customers are reached otherwise."""
        async with spine.db.transaction() as tx:
            await suppress(tx, [(body.address, body.reason, None)])

    @routes.post("/remove", status_code=204)
    @allow("lead", "manager", "ops")
    async def remove(body: AddressIn) -> None:
        """Letters may go to this address again."""
        async with spine.db.transaction() as tx:
            if not await unsuppress(tx, body.address):
                raise NotFound("address on the list")

    return routes
