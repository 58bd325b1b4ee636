"""Reading cases: lists, search, one case, its history, its explanation, the whole file."""

from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from shared.base.security import allow, caller

from .. import explain
from ..finding import TooShort
from ..handlers.flow import wrong
from ..matching import match
from ..model import Case
from ..states import STATES
from ..store import matters, people, rounds, views
from .base import READERS, Desk, tagged
from .documents import case_document

log = structlog.get_logger()


def router(desk: Desk) -> APIRouter:
    """The routes that read."""
    routes = APIRouter(prefix="/v1/cases", tags=["cases"])

    @routes.get("")
    @allow(*READERS)
    async def list_cases(
        request: Request,
        q: Annotated[str | None, Query(max_length=200)] = None,
        state: Annotated[list[str] | None, Query()] = None,
        handler: str | None = None,
        queue: str | None = None,
        unroutable: bool = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[dict[str, Any]]:
        """Cases in the order of work. `q` finds by the beginning of a name (a Chinese one from any character on), of a
        reference, an order or an address, and by the end of a telephone number, however these are written.

        `unroutable`: those that wait and that nobody can take.
        """
        for name, value in (("q", q), ("handler", handler), ("queue", queue)):
            if value is not None and not value.isprintable():
                raise wrong(f"/{name}", "There are characters in it that nobody can type.")
        if unknown := [s for s in state or () if s not in STATES]:
            raise wrong("/state", f"There is no state {unknown[0]!r}.")
        try:
            async with desk.spine.db.read() as tx:
                found = await views.cases(
                    tx, q=q, state=state or (), handler=handler, queue=queue, unroutable=unroutable, limit=limit
                )
        except TooShort:
            raise wrong("/q", "Give two letters, four digits, or one Chinese character at least.") from None
        if q:
            log.info("cases searched", by=caller(request).name, found=len(found))
        return found

    @routes.get("/{complaint_id}")
    @allow(*READERS)
    async def get_case(request: Request, response: Response, complaint_id: UUID) -> dict[str, Any]:
        """One case with the commands that are possible now, the customer's earlier complaints (`customer.earlier`), and
        whether one contact was enough (`first_contact`)."""
        case = await read_case(desk, request, complaint_id)
        response.headers.update(tagged(case))
        document = case_document(case, await desk.actor(request))
        async with desk.spine.db.read() as tx:
            document["customer"]["earlier"] = await matters.earlier(tx, case)
            document["first_contact"] = await matters.first_contact(tx, complaint_id)
            document["promises_so_far"] = await matters.promises_so_far(tx, complaint_id)
        return document

    @routes.get("/{complaint_id}/explanation")
    @allow(*READERS)
    async def get_explanation(complaint_id: UUID) -> dict[str, Any]:
        """Every candidate, why chosen or refused, and the scores; of a waiting case as it stands now."""
        return await explained(desk, await desk.case(complaint_id))

    @routes.get("/{complaint_id}/history")
    @allow(*READERS)
    async def get_history(request: Request, complaint_id: UUID) -> list[dict[str, Any]]:
        """Everything that happened, the words of both sides included."""
        await read_case(desk, request, complaint_id)
        async with desk.spine.db.read() as tx:
            return await views.history(tx, complaint_id)

    return routes


async def read_case(desk: Desk, request: Request, complaint_id: UUID) -> Case:
    """One case for somebody's eyes: who read it is logged."""
    case = await desk.case(complaint_id)
    log.info("case read", complaint_id=str(complaint_id), by=caller(request).name)
    return case


async def explained(desk: Desk, case: Case) -> dict[str, Any]:
    """The kept explanation of a case that left the queue, or how matching stands for one that waits."""
    async with desk.spine.db.read() as tx:
        staff = {h.id: h for h in await people.everybody(tx)}
        waiting = await rounds.waiting_one(tx, case.complaint_id, desk.policy)
        kept = await rounds.explanation_of(tx, case.complaint_id)
    if waiting is not None:
        seen = match([waiting.waiting], list(staff.values()), waiting.now, desk.policy)
        why = seen.explanations[case.complaint_id]
        why.chosen = None  # nothing is given by looking
        outcome = "unroutable" if case.unroutable else "waiting"
        kept = {"outcome": outcome, "at": waiting.now, "document": why.document()}
    if kept is None:
        empty: dict[str, Any] = {"step": 0, "chosen": None, "lacking": None, "fitting": [], "refused": {}}
        kept = {"outcome": case.state, "at": case.assigned_at or case.received_at, "document": empty}
    return explain.document(
        kept["document"],
        outcome=kept["outcome"],
        at=kept["at"],
        staff=staff,
        skills=case.skills,
        language=case.language,
        relaxation=[step.reason for step in desk.policy.relaxation],
    )
