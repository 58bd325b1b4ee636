"""Letters of the ledger, and promises."""

import asyncio
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.base.errors import Conflict, NotFound, Problem
from shared.base.fields import Said
from shared.base.security import Role, allow, caller
from shared.deliver.ledger import State
from shared.spine.spine import Spine

from ..approvals import Amendment
from ..debts import Debts
from ..model import Matter
from ..pdf import NoFont
from ..store import Reading

STAFF: tuple[Role, ...] = ("handler", "lead", "manager", "approver", "auditor", "quality", "ops", "service")
DECIDERS: tuple[Role, ...] = ("handler", "lead", "manager", "approver")
APPROVERS: tuple[Role, ...] = ("lead", "manager", "approver")
LEADS = frozenset(APPROVERS)
_PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}, "description": "The letter"}}
# What opens the customer's page in the name of the customer: who works here reads the letter without it.
_PAGE_KEY = re.compile(r"(/track/[A-Z0-9-]{1,40})\?t=[0-9a-z]+\.[0-9a-f]+")
_DECIDED = ("approval", "approved_by", "approval_reason", "amended")


class ApprovalOut(BaseModel):
    """Why somebody else has to agree: `sums` above the signatory's `authority`, until when; and who decided what."""

    due_at: datetime
    sums: dict[str, Decimal]
    authority: dict[str, Decimal]


class AmendedOut(BaseModel):
    """One change to a remedy: from and to are `{amount, by}`."""

    who: str
    at: datetime
    reason: str
    remedy: str
    before: dict[str, str | None] = Field(validation_alias="from")
    after: dict[str, str | None] = Field(validation_alias="to")


class LetterOut(BaseModel):
    """A letter: `state` as in the ledger, `reason` why it is not sent, `findings` the rules that stopped it."""

    id: UUID
    complaint_id: UUID
    kind: str
    state: State
    channel: str
    language: str
    trigger: UUID
    reference: str
    automatic: bool
    by_person: str | None
    decision_id: UUID | None
    address: str | None
    subject: str
    text: str
    template_version: str
    findings: list[str]
    reason: str | None
    attempts: int
    created_at: datetime
    next_try_at: datetime | None
    sent_at: datetime | None
    approval: ApprovalOut | None = None
    approved_by: str | None = None
    approval_reason: str | None = None
    amended: list[AmendedOut] = []


class ReasonIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: Said = Field(min_length=1, max_length=1000)


class AmendedRemedyIn(BaseModel):
    """A remedy of the decision by its id, with another sum, another day, or both."""

    model_config = ConfigDict(extra="forbid")
    remedy: Said = Field(max_length=100)
    amount: Decimal | None = Field(None, ge=0, max_digits=14, decimal_places=2)
    by: date | None = None

    @model_validator(mode="after")
    def _something(self) -> "AmendedRemedyIn":
        if self.amount is None and self.by is None:
            raise ValueError("say what is to be different: amount, by, or both")
        return self


class AmendIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    remedies: list[AmendedRemedyIn] = Field(min_length=1, max_length=50)
    reason: Said = Field(min_length=1, max_length=1000)


class ApproveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: Said | None = Field(None, max_length=1000)


def router(spine: Spine[Matter], reading: Reading, debts: Debts, print_letter: Callable[[Any], bytes]) -> APIRouter:
    """The routes about letters that are kept."""
    routes = APIRouter(prefix="/v1")

    async def complaint_of(letter_id: UUID) -> UUID:
        async with spine.db.read() as tx:
            row = await reading.letter(tx, letter_id)
        if row is None:
            raise NotFound("letter")
        found: UUID = row.complaint_id
        return found

    async def shown(letter_id: UUID) -> LetterOut:
        async with spine.db.read() as tx:
            return shown_letter(await reading.letter(tx, letter_id))

    @routes.get("/complaints/{complaint_id}/letters")
    @allow(*STAFF)
    async def letters(complaint_id: UUID) -> list[LetterOut]:
        """All letters of a complaint in the order in which they came to be owed; none is an empty list."""
        async with spine.db.read() as tx:
            return [shown_letter(row) for row in await reading.letters(tx, complaint_id)]

    @routes.get("/letters")
    @allow(*STAFF)
    async def held(
        state: Annotated[
            list[State] | None, Query(description="Repeatable; without it: what waits for a person")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> list[LetterOut]:
        """Letters in some states, the oldest first: blocked, unknown, failed and without address wait for a person."""
        wanted = state or ["blocked", "unknown", "failed", "no_address"]
        async with spine.db.read() as tx:
            return [shown_letter(row) for row in await reading.held(tx, wanted, limit)]

    @routes.get("/letters/{letter_id}.pdf", response_class=Response, responses=_PDF)
    @allow(*STAFF)
    async def paper(letter_id: UUID, request: Request) -> Response:
        """One letter for post or for the file, as it was written: A4, fonts embedded.

        What does not go by post is printed for the file, without the link that is the customer's own.
        """
        async with spine.db.read() as tx:
            row = await reading.letter(tx, letter_id)
        if row is None:
            raise NotFound("letter")
        if not row.text:
            raise Conflict("The letter is not written yet.", state=row.state)
        try:
            whole = row.channel == "post" or caller(request).role == "service"
            text = row.text if whole else without_page_key(row.text)
            content = await asyncio.to_thread(print_letter, SimpleNamespace(**{**row._mapping, "text": text}))
        except NoFont as error:
            raise Problem(503, "Service unavailable", str(error)) from None
        name = f"{row.reference}-{row.kind}.pdf"
        headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "private, no-store"}
        return Response(content, media_type="application/pdf", headers=headers)

    @routes.get("/letters/{letter_id}")
    @allow(*STAFF)
    async def letter(letter_id: UUID) -> LetterOut:
        """One letter."""
        await complaint_of(letter_id)
        return await shown(letter_id)

    @routes.post("/letters/{letter_id}/approve")
    @allow(*DECIDERS)
    async def approve(letter_id: UUID, request: Request, body: ApproveIn | None = None) -> LetterOut:
        """Let a blocked letter go out. Nobody approves their own; rules G5, G7, C5 and G11 are never waived.

        Overriding any other rule takes a reason, which is kept with the letter.
        """
        who = caller(request)
        complaint = await complaint_of(letter_id)
        await spine.work.command(
            complaint,
            lambda m, now: debts.approve(
                m, letter_id, who.name, lead=who.role in LEADS, now=now, reason=body.reason if body else None
            ),
        )
        return await shown(letter_id)

    @routes.get("/approvals")
    @allow(*APPROVERS)
    async def approvals(limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> list[LetterOut]:
        """Letters that promise more than their signatory may, the most urgent first."""
        async with spine.db.read() as tx:
            return [shown_letter(row) for row in await reading.approvals(tx, limit)]

    @routes.post("/letters/{letter_id}/amend")
    @allow(*APPROVERS)
    async def amend(letter_id: UUID, request: Request, body: AmendIn) -> LetterOut:
        """Change sums or days of the remedies in a letter that waits for approval, and let it go as changed."""
        who = caller(request)
        changes = [Amendment(r.remedy, r.amount, r.by.isoformat() if r.by else None) for r in body.remedies]
        complaint = await complaint_of(letter_id)
        await spine.work.command(
            complaint,
            lambda m, now: debts.amend(m, letter_id, who.name, changes, lead=True, reason=body.reason, now=now),
        )
        return await shown(letter_id)

    @routes.post("/letters/{letter_id}/reject")
    @allow(*DECIDERS)
    async def reject(letter_id: UUID, request: Request, body: ReasonIn) -> LetterOut:
        """Stop a blocked letter for good, with a reason."""
        who = caller(request)
        complaint = await complaint_of(letter_id)
        await spine.work.command(complaint, lambda m, now: debts.reject(m, letter_id, who.name, body.reason, now=now))
        return await shown(letter_id)

    @routes.post("/letters/{letter_id}/resend")
    @allow(*DECIDERS)
    async def resend(letter_id: UUID, request: Request) -> LetterOut:
        """Send again a letter whose fate is unknown, or that failed, with the same Message-ID."""
        who = caller(request)
        complaint = await complaint_of(letter_id)
        await spine.work.command(complaint, lambda m, now: debts.resend(m, letter_id, who.name, now=now))
        return await shown(letter_id)

    return routes


def shown_letter(row: Any) -> LetterOut:
    """A row of the ledger as it is shown."""
    about = {name: row.inputs[name] for name in _DECIDED if row.inputs.get(name)}
    return LetterOut.model_validate({**row._mapping, **about, "text": without_page_key(row.text)})


def without_page_key(text: str) -> str:
    """The words of a letter with the address of the customer's page, which asks who one is, instead of the link."""
    return _PAGE_KEY.sub(r"\1", text)
