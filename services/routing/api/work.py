"""What people do on a case: one route per command of the state table."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shared.base.security import allow
from shared.spine.effects import Effect

from ..handlers import commands, decisions
from ..handlers.flow import Actor
from ..model import Case, Handler
from ..store import people
from . import bodies
from .base import WORKERS, Desk, expected, tagged
from .documents import case_document

Act = Callable[[Case, Actor, datetime], Iterable[Effect]]


def router(desk: Desk) -> APIRouter:
    """The routes that change a case. Each answers with the case as it is afterwards."""
    routes = APIRouter(prefix="/v1/cases/{complaint_id}", tags=["work"])
    work = Work(desk)
    for name, body, summary in _ROUTES:
        routes.post(f"/{name}", summary=summary)(_endpoint(work, name, body))

    @routes.post("/enquiries/{enquiry_id}/answer", summary="The department's answer")
    @allow(*WORKERS)
    async def answer(
        request: Request, response: Response, complaint_id: UUID, enquiry_id: UUID, body: bodies.AnswerIn
    ) -> dict[str, Any]:
        actor = await desk.actor(request)

        def act(case: Case, now: datetime) -> Iterable[Effect]:
            return commands.answer_enquiry(case, enquiry_id, body.answer, actor, now)

        case = await desk.command(complaint_id, act, expected=expected(request, body.version))
        response.headers.update(tagged(case))
        return case_document(case, actor)

    return routes


_ROUTES: tuple[tuple[str, type[bodies.Command], str], ...] = (
    ("contacts", bodies.ContactIn, "A call or talk with the customer"),
    ("enquiries", bodies.EnquiryIn, "Ask another department; the case keeps its owner"),
    ("ask", bodies.AskIn, "Ask the customer for something"),
    ("reply", bodies.TextIn, "Write to the customer in one's own words"),
    ("note", bodies.TextIn, "An internal remark"),
    ("attachments", bodies.FileIn, "A stored file by reference"),
    ("transfer", bodies.TransferIn, "To another person, or back to a queue"),
    ("call-lead", bodies.ReasonIn, "Ask the lead to look at it"),
    ("decide", bodies.DecideIn, "The decision per issue"),
    ("remedy-done", bodies.RemedyDoneIn, "A remedy is carried out"),
    ("resolve", bodies.Command, "Everything the decision promised is done"),
    ("reopen", bodies.ReasonIn, "Open it again for the customer"),
    ("close", bodies.Command, "The end, refused while something is owed"),
    ("external", bodies.ReferIn, "An outside body decides from here on"),
)


def _endpoint(work: "Work", name: str, body_type: type[bodies.Command]) -> Callable[..., Any]:
    @allow(*WORKERS)
    async def endpoint(request: Request, response: Response, complaint_id: UUID, body: Any) -> dict[str, Any]:
        actor = await work.desk.actor(request)
        case = await work.do(complaint_id, name, body, actor, expected(request, body.version))
        response.headers.update(tagged(case))
        return case_document(case, actor)

    endpoint.__annotations__["body"] = body_type
    endpoint.__name__ = name.replace("-", "_")
    return endpoint


class Work:
    """Commands by name, for the API and for the desk page alike."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def do(self, complaint_id: UUID, name: str, body: Any, actor: Actor, version: int | None) -> Case:
        """Carry out a command on a case."""
        to = await self._handler(body.to) if name == "transfer" and body.to else None
        act = self._act(name, body, to)
        return await self.desk.command(complaint_id, lambda case, now: act(case, actor, now), expected=version)

    async def _handler(self, handler_id: str) -> Handler:
        async with self.desk.spine.db.read() as tx:
            found = await people.get(tx, handler_id)
        if found is None:
            raise commands.wrong("/to", "There is no such handler.")
        return found

    def _act(self, name: str, b: Any, to: Handler | None) -> Act:
        acts: dict[str, Act] = {
            "contacts": lambda c, a, now: commands.contact(c, _contact(b, now), a, now),
            "enquiries": lambda c, a, now: commands.open_enquiry(c, b.to, b.question, b.due, a, now),
            "ask": lambda c, a, now: commands.ask(c, b.text, b.answer_by, a, now),
            "reply": lambda c, a, now: commands.reply(c, b.text, a, now),
            "note": lambda c, a, now: commands.note(c, b.text, a, now),
            "attachments": lambda c, a, now: commands.attach(
                c, commands.File(b.name, b.media_type, b.size, b.sha256), a, now
            ),
            "transfer": lambda c, a, now: self._transfer(c, b, to, a, now),
            "call-lead": lambda c, a, now: commands.want_lead(c, b.reason, a, now),
            "decide": lambda c, a, now: decisions.decide(c, b.record(), b.cause, a, now),
            "remedy-done": lambda c, a, now: decisions.remedy_done(c, b.remedy_id, b.at or now, b.evidence, a, now),
            "resolve": lambda c, a, now: decisions.resolve(c, a, now),
            "reopen": lambda c, a, now: decisions.reopen(c, b.reason, a, now),
            "close": lambda c, a, now: decisions.close(c, a, now),
            "external": lambda c, a, now: decisions.refer_outside(c, b.body, a, now),
        }
        return acts[name]

    def _transfer(self, case: Case, b: Any, to: Handler | None, actor: Actor, now: datetime) -> Iterable[Effect]:
        if to is not None and b.queue is not None:
            raise commands.wrong("/queue", "Give a handler or a queue, not both.")
        effects = list(self.desk.offers.transfer(case, to, b.queue, b.reason, actor, now))
        if b.note:
            case.note(now, "note", actor.name, text=b.note, hand_off=True)
        return effects


def _contact(b: bodies.ContactIn, now: datetime) -> commands.Contact:
    return commands.Contact(
        direction=b.direction,
        channel=b.channel,
        outcome=b.outcome,
        at=b.at or now,
        summary=b.summary,
        call_id=b.call_id,
        customer_confirmed_resolved=b.customer_confirmed_resolved,
    )
