"""What people do on a case: one route per command of the state table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shared.base.security import allow
from shared.spine.effects import Effect

from ..handlers import Offers, asking, causes, commands, conflicts, decisions, outside
from ..handlers.flow import Actor, wrong
from ..model import Case, Handler
from ..store import enquiries, people
from . import case_bodies as bodies
from .base import WORKERS, Desk, expected, tagged
from .bodies import DecideIn
from .documents import case_document
from .fields import Command

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


_ROUTES: tuple[tuple[str, type[Command], str], ...] = (
    ("contacts", bodies.ContactIn, "A call or talk with the customer"),
    ("enquiries", bodies.EnquiryIn, "Ask another department; the case keeps its owner"),
    ("ask", bodies.AskIn, "Ask the customer for something"),
    ("reply", bodies.TextIn, "Write to the customer in one's own words"),
    ("correction", bodies.CorrectionIn, "Correct what a sent letter said"),
    ("note", bodies.TextIn, "An internal remark"),
    ("transfer", bodies.TransferIn, "To another person, or back to a queue"),
    ("take-over", bodies.ReasonIn, "A lead makes the case his own"),
    ("pull-back", bodies.ReasonIn, "A lead takes a case or an open offer back into its queue"),
    ("call-lead", bodies.ReasonIn, "Ask the lead to look at it"),
    ("conflict", bodies.ConflictIn, "Declare a conflict of interest"),
    ("cause", bodies.CauseIn, "Say what the complaint is about"),
    ("decide", DecideIn, "The decision per issue"),
    ("remedy-done", bodies.RemedyDoneIn, "A remedy is carried out"),
    ("resolve", bodies.ResolveIn, "Everything the decision promised is done, or the customer says it is settled"),
    ("reopen", bodies.ReasonIn, "Open it again for the customer"),
    ("close", Command, "The end, refused while something is owed"),
    ("external", bodies.ReferIn, "Somebody outside decides from here on"),
    ("outside-decision", bodies.OutsideIn, "What an outside body decided"),
)


def _endpoint(work: "Work", name: str, body_type: type[Command]) -> Callable[..., Any]:
    @allow(*WORKERS)
    async def endpoint(request: Request, response: Response, complaint_id: UUID, body: Any) -> dict[str, Any]:
        actor = await work.desk.actor(request)
        case = await work.do(complaint_id, name, body, actor, expected(request, body.version))
        response.headers.update(tagged(case))
        return case_document(case, actor)

    endpoint.__annotations__["body"] = body_type
    endpoint.__name__ = name.replace("-", "_")
    return endpoint


@dataclass(frozen=True)
class Looked:
    """What a command needs that stands in other rows: the person named in it, the customer's own words."""

    to: Handler | None = None
    words: Sequence[str] = ()


class Work:
    """Commands by name, for the API and for the desk page alike."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def do(self, complaint_id: UUID, name: str, body: Any, actor: Actor, version: int | None) -> Case:
        """Carry out a command on a case."""
        act = await self.act(complaint_id, name, body)
        return await self.desk.command(complaint_id, lambda case, now: act(case, actor, now), expected=version)

    async def act(self, complaint_id: UUID, name: str, body: Any) -> Act:
        """What the command does, with what it needs looked up."""
        return self._act(name, body, await self._look(complaint_id, name, body))

    async def _look(self, complaint_id: UUID, name: str, body: Any) -> Looked:
        if name == "enquiries":
            async with self.desk.spine.db.read() as tx:
                return Looked(words=await enquiries.customer_words(tx, complaint_id))
        if name != "transfer" or not body.to:
            return Looked()
        async with self.desk.spine.db.read() as tx:
            found = await people.get(tx, body.to)
        if found is None:
            raise wrong("/to", "There is no such handler.")
        return Looked(to=found)

    def _act(self, name: str, b: Any, looked: Looked) -> Act:
        offers, ending, policy = self.desk.offers, self.desk.ending, self.desk.policy
        acts: dict[str, Act] = {
            "contacts": lambda c, a, now: commands.contact(c, b.contact(now), a, now),
            "enquiries": lambda c, a, now: commands.open_enquiry(c, b.to, b.question, b.due, looked.words, a, now),
            "ask": lambda c, a, now: _ask(c, b, a, now),
            "reply": lambda c, a, now: commands.reply(c, b.text, a, now),
            "correction": lambda c, a, now: asking.correct(
                c, b.wrong, b.right, b.letter_on, b.letter_id, b.text, a, now
            ),
            "note": lambda c, a, now: commands.note(c, b.text, a, now),
            "transfer": lambda c, a, now: _transfer(offers, c, b, looked.to, a, now),
            "take-over": lambda c, a, now: offers.take_over(c, b.reason, a, now),
            "pull-back": lambda c, a, now: offers.pull_back(c, b.reason, a, now),
            "call-lead": lambda c, a, now: commands.want_lead(c, b.reason, a, now),
            "conflict": lambda c, a, now: conflicts.declare(c, b.handler or a.name, b.reason, a, now),
            "cause": lambda c, a, now: causes.set_cause(c, b.cause, b.reason, b.examined, a, now, policy),
            "decide": lambda c, a, now: decisions.decide(c, b.record(), b.cause, a, now, policy, deadlock=b.deadlock),
            "remedy-done": lambda c, a, now: decisions.remedy_done(c, b.remedy_id, b.at or now, b.evidence, a, now),
            "resolve": lambda c, a, now: (
                ending.settle(c, b.settled_how, b.accepted_at, a, now) if b.settled_how else ending.resolve(c, a, now)
            ),
            "reopen": lambda c, a, now: decisions.reopen(c, b.reason, a, now),
            "close": lambda c, a, now: ending.close(c, a, now),
            "external": lambda c, a, now: outside.refer(c, b.referral(), a, now),
            "outside-decision": lambda c, a, now: outside.decided(c, b.ruling(), a, now),
        }
        return acts[name]


def _ask(case: Case, b: bodies.AskIn, actor: Actor, now: datetime) -> Iterable[Effect]:
    if b.on_behalf_of and b.about == "authority":
        return asking.ask_authority(case, b.on_behalf_of, b.answer_by, actor, now)
    if b.address and b.message_at and b.about == "identity":
        return asking.ask_identity(case, b.address, b.message_at, b.answer_by, actor, now)
    return asking.ask(case, b.text or "", b.answer_by, actor, now)


def _transfer(
    offers: Offers, case: Case, b: bodies.TransferIn, to: Handler | None, actor: Actor, now: datetime
) -> Iterable[Effect]:
    if to is not None and b.queue is not None:
        raise wrong("/queue", "Give a handler or a queue, not both.")
    return offers.transfer(case, to, b.queue, b.reason, actor, now, b.note)
