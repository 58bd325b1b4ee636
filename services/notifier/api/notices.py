"""Letters that a person begins: regret and action after harm, one notice to many."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from shared.base.errors import NotFound, Problem
from shared.base.fields import Said
from shared.base.security import Caller, allow, caller
from shared.spine.spine import Spine

from ..debts import Debts
from ..model import Matter
from ..notices import Notices
from ..store import Reading
from .letters import APPROVERS, LEADS, LetterOut, ReasonIn, shown_letter

Line = Annotated[Said, Field(min_length=1, max_length=500)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RegretIn(_In):
    """After harm: what happened (a clause that goes on after “I am very sorry that”; in Chinese a whole clause), what
    is done now in whole sentences with their days, and who calls until when."""

    happened: Line
    doing: list[Line] = Field(min_length=1, max_length=5)
    caller: Said = Field(min_length=1, max_length=100)
    caller_role: Said | None = Field(None, max_length=100)
    call_by: AwareDatetime


class NoticeIn(_In):
    """One incident told to many: what it was since when, what happened, and when it worked or will work again."""

    id: UUID = Field(description="The sender's own; the same one again changes nothing")
    complaints: list[UUID] = Field(min_length=1, max_length=500)
    incident: Line
    since: date
    what_happened: Line
    restored_on: date | None = None
    restored_by: AwareDatetime | None = None
    amount: Decimal | None = Field(None, gt=0, max_digits=14, decimal_places=2)
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")
    by: date | None = Field(None, description="When the amount is credited")

    @model_validator(mode="after")
    def _whole(self) -> "NoticeIn":
        if (self.restored_on is None) == (self.restored_by is None):
            raise ValueError("say restored_on or restored_by, one of them")
        if len({self.amount is None, self.currency is None, self.by is None}) > 1:
            raise ValueError("amount, currency and by belong together")
        return self


class RefusedOut(BaseModel):
    complaint_id: UUID
    detail: str


class NoticeOut(BaseModel):
    """For how many complaints it was done, and for which not and why."""

    id: UUID
    done: int
    refused: list[RefusedOut] = []


def router(spine: Spine[Matter], reading: Reading, debts: Debts) -> APIRouter:
    """The routes about them."""
    routes, notices = APIRouter(prefix="/v1"), Notices(debts)

    @routes.post("/complaints/{complaint_id}/regret", status_code=201)
    @allow("handler", "lead", "manager")
    async def regret(complaint_id: UUID, request: Request, body: RegretIn) -> LetterOut:
        """Write to somebody who was hurt, or who claims (T0, T1): regret and action. It waits for approval."""
        who = caller(request).name
        inputs = body.model_dump(mode="json", exclude_none=True)
        await spine.work.command(complaint_id, lambda m, now: notices.regret(m, inputs, who, now))
        async with spine.db.read() as tx:
            rows = await reading.letters(tx, complaint_id)
        return shown_letter([row for row in rows if row.kind == "regret_and_action"][-1])

    @routes.post("/notices", status_code=201)
    @allow("lead", "manager")
    async def notice(request: Request, body: NoticeIn) -> NoticeOut:
        """Write one notice to the customers of many complaints. It waits until somebody else approves it."""
        who = caller(request).name
        inputs = body.model_dump(mode="json", exclude_none=True, exclude={"id", "complaints"})
        inputs["restored"] = body.restored_on is not None

        async def one(complaint: UUID) -> None:
            await spine.work.command(complaint, lambda m, now: notices.notify(m, body.id, inputs, who, now))

        return await _each(body.id, body.complaints, one)

    async def decided(notice_id: UUID, do: Callable[[Matter, UUID, datetime], Any]) -> NoticeOut:
        async with spine.db.read() as tx:
            found = {row.complaint_id: row.id for row in await reading.notice(tx, notice_id)}
        if not found:
            raise NotFound("notice")

        async def one(complaint: UUID) -> None:
            await spine.work.command(complaint, lambda m, now: do(m, found[complaint], now))

        return await _each(notice_id, list(found), one)

    @routes.post("/notices/{notice_id}/approve")
    @allow(*APPROVERS)
    async def approve(notice_id: UUID, request: Request) -> NoticeOut:
        """Let a notice go out to all; never one's own."""
        who: Caller = caller(request)
        return await decided(
            notice_id, lambda m, id_, now: debts.approve(m, id_, who.name, lead=who.role in LEADS, now=now)
        )

    @routes.post("/notices/{notice_id}/reject")
    @allow(*APPROVERS)
    async def reject(notice_id: UUID, request: Request, body: ReasonIn) -> NoticeOut:
        """Stop a notice for good, with a reason."""
        who = caller(request).name
        return await decided(notice_id, lambda m, id_, now: debts.reject(m, id_, who, body.reason, now=now))

    return routes


async def _each(id_: UUID, complaints: list[UUID], do: Callable[[UUID], Awaitable[None]]) -> NoticeOut:
    """Do it for one complaint after the other; when it can be done for none, the first refusal is the answer."""
    out, first = NoticeOut(id=id_, done=0), None
    for complaint in dict.fromkeys(complaints):
        try:
            await do(complaint)
            out.done += 1
        except Problem as problem:
            first = first or problem
            out.refused.append(RefusedOut(complaint_id=complaint, detail=problem.detail))
    if first is not None and out.done == 0:
        raise first
    return out
