"""What leads move and look at besides single cases: capacity, enquiries to departments, first-contact resolution."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from shared.base.errors import NotFound
from shared.base.fields import Moment
from shared.base.security import allow

from ..handlers.flow import wrong
from ..store import enquiries, matters, people
from .base import READERS, Desk
from .documents import handler_document
from .fields import Body
from .people import HandlerId


class CapacityIn(Body):
    """How many cases a handler may have at a time; 0 gives him nothing new."""

    capacity: int = Field(ge=0, le=1000)


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["people"])

    @routes.put("/handlers/{handler_id}/capacity")
    @allow("lead", "manager")
    async def put_capacity(handler_id: HandlerId, body: CapacityIn) -> dict[str, Any]:
        """Give a handler more or fewer places; what he has stays his."""
        async with desk.spine.db.transaction() as tx:
            if not await people.set_capacity(tx, handler_id, body.capacity):
                raise NotFound("handler")
            found = await people.get(tx, handler_id)
        desk.wake()
        assert found is not None
        return handler_document(found)

    @routes.get("/enquiries")
    @allow(*READERS)
    async def list_enquiries(
        to: Annotated[str | None, Query(max_length=200)] = None,
        answered: bool = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[dict[str, Any]]:
        """What departments were asked, the earliest date first, with the customer's own words (`customer`)."""
        if to is not None and not to.isprintable():
            raise wrong("/to", "This is no department's name.")
        async with desk.spine.db.read() as tx:
            return await enquiries.listed(tx, department=to, answered=answered, limit=limit)

    @routes.get("/figures/first-contact")
    @allow(*READERS)
    async def first_contact(since: Moment | None = None, until: Moment | None = None) -> dict[str, Any]:
        """How many of the complaints that customers called resolved in this time (the last 90 days) took one contact.

        `yes`: one contact at most, and none on the matter for 30 days after, else `no`; `pending`: they are not over;
        `share`: yes of yes and no, null while there are none."""
        end = until or datetime.now(UTC)
        start = since or end - timedelta(days=90)
        if start >= end:
            raise wrong("/since", "It begins after it ends.")
        async with desk.spine.db.read() as tx:
            found = await matters.first_contacts(tx, start, end)
        return {"since": start, "until": end, **found, "share": matters.share(found)}

    return routes
