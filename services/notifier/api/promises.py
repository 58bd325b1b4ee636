"""The ledger of promises: what letters promised, what became of it, and what a person says was kept."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.base.errors import NotFound
from shared.base.fields import Said
from shared.base.security import allow, caller
from shared.spine.spine import Spine

from ..model import Matter
from ..pledges import Pledges
from ..store import Reading
from .letters import STAFF


class PromiseOut(BaseModel):
    id: UUID
    complaint_id: UUID
    letter_id: UUID
    kind: str
    state: str
    what: str
    due_at: datetime
    remedy_id: str | None
    amount: str | None
    currency: str | None
    made_at: datetime
    settled_at: datetime | None
    evidence: str | None


class KeptIn(BaseModel):
    """When a promise was kept (RFC 3339, not after its moment), and how we know."""

    model_config = ConfigDict(extra="forbid")
    at: datetime
    evidence: Said = Field(min_length=1, max_length=500)

    @field_validator("at")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        return value if value.tzinfo else value.replace(tzinfo=UTC)


def router(spine: Spine[Matter], reading: Reading, pledges: Pledges) -> APIRouter:
    """The routes about promises."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/promises")
    @allow(*STAFF)
    async def promises(
        state: Literal["open", "kept", "broken", "cancelled"] | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> list[PromiseOut]:
        """What letters promised, the most urgent first."""
        async with spine.db.read() as tx:
            rows = await reading.promises(tx, state, limit)
        return [PromiseOut.model_validate(dict(row._mapping)) for row in rows]

    @routes.get("/complaints/{complaint_id}/promises")
    @allow(*STAFF)
    async def of_complaint(complaint_id: UUID) -> list[PromiseOut]:
        """All promises of a complaint, the most urgent first; none is an empty list."""
        async with spine.db.read() as tx:
            rows = await reading.promises_of(tx, complaint_id)
        return [PromiseOut.model_validate(dict(row._mapping)) for row in rows]

    @routes.post("/promises/{promise_id}/kept")
    @allow("handler", "lead", "manager")
    async def kept(promise_id: UUID, request: Request, body: KeptIn) -> PromiseOut:
        """Say, with evidence, that a promise was kept in time; an apology for it that has not left is stopped."""
        async with spine.db.read() as tx:
            row = await reading.promise(tx, promise_id)
        if row is None:
            raise NotFound("promise")
        who = caller(request).name
        await spine.work.command(
            row.complaint_id, lambda m, now: pledges.kept(m, promise_id, body.at, body.evidence, who, now)
        )
        async with spine.db.read() as tx:
            after = await reading.promise(tx, promise_id)
        assert after is not None
        return PromiseOut.model_validate(dict(after._mapping))

    return routes
