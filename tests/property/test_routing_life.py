"""Any order of events and commands: no event is poison, no command leaves the table, what is emitted fits the state."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.routing import policy as policies
from services.routing import states
from services.routing.duty import Roster
from services.routing.handlers import (
    Ending,
    Offers,
    asking,
    causes,
    commands,
    conflicts,
    decisions,
    event_handlers,
    outside,
    timer_handler,
)
from services.routing.handlers.ending import CLOSE_TIMER, NO_ANSWER_TIMER
from services.routing.handlers.flow import OFFER_TIMER, Actor, Unchanged
from services.routing.matching import match
from services.routing.model import Case, Handler
from services.routing.triage import Triage, load_rules
from services.routing.waiting import waiting_of
from shared.base.errors import Problem
from shared.events.catalog import CONSUMERS
from shared.events.common import Decision, Issue
from shared.events.envelope import Event
from shared.events.escalation import RungReached
from shared.events.intake import ComplaintReceived, OutcomeDisputed
from shared.events.notifier import LetterSent
from shared.spine.effects import Effect, Emit, Timer
from tests.support.examples import example
from tests.support.scale import examples

POLICY = policies.load()
OFFERS, ENDING, ON_TIMER = Offers(POLICY), Ending(POLICY), timer_handler(POLICY)
HANDLERS = event_handlers(POLICY, Triage(load_rules()), Roster())
START = datetime(2026, 6, 9, 9, 0, tzinfo=UTC)
ZHANG, WANG = (
    Handler(
        name, name.title(), "handler", "010", frozenset(POLICY.tiers),
        dict.fromkeys(("product", "billing", "service_desk", "policy", "team_lead"), 5), frozenset({"zh", "en"}), 5,
        presence="available",
    )
    for name in ("zhang", "wang")
)  # fmt: skip
LEAD = Actor("lena", "lead")
# A customer's: a probe would meet none of those who act here.
RECEIVED = example(ComplaintReceived).model_copy(update={"probe": None})
RECORD = Decision(examined=("order",), issues=(Issue(id="a", what="x", finding="partly", request="granted"),))
Act = Callable[[Case, Actor, datetime], Iterable[Effect]]


def _matched(case: Case, _: Actor, now: datetime) -> Iterable[Effect]:
    if case.state not in states.QUEUED:
        return []
    found = match([waiting_of(case, POLICY, now)], [ZHANG, WANG], now, POLICY).assignments
    return [effect for choice in found for effect in OFFERS.give(case, choice, None, now)]


def _told(case: Case, _: Actor, now: datetime) -> Iterable[Effect]:
    if case.decision is None:
        return []
    told = example(LetterSent).model_copy(
        update={"kind": "resolution", "decision_id": case.decision.decision_id, "sent_at": now}
    )
    return HANDLERS[LetterSent](case, _event(case, told, now), now)


def _offer_id(case: Case) -> UUID:
    return case.offer.offer_id if case.offer else uuid4()


ACTS: dict[str, Act] = {
    "match": _matched,
    "told": _told,
    "accept": lambda c, a, now: OFFERS.accept(c, _offer_id(c), a, now),
    "decline": lambda c, a, now: OFFERS.decline(c, _offer_id(c), "busy", a, now),
    "expire": lambda c, a, now: OFFERS.on_timer(
        c, Timer(c.complaint_id, OFFER_TIMER, now, c.offer.version if c.offer else 0), now
    ),
    "transfer": lambda c, a, now: OFFERS.transfer(c, WANG, None, "knows it", a, now, "look at the test report"),
    "transfer-to-queue": lambda c, a, now: OFFERS.transfer(c, None, None, "ill", a, now),
    "contact": lambda c, a, now: commands.contact(c, commands.Contact("out", "phone", "reached", now, "told"), a, now),
    "enquiry": lambda c, a, now: commands.open_enquiry(
        c, "shop", "why?", now + timedelta(days=1), ["It broke."], a, now
    ),
    "enquiry-answer": lambda c, a, now: commands.answer_enquiry(c, next(iter(c.enquiries), uuid4()), "because", a, now),
    "ask": lambda c, a, now: asking.ask(c, "which?", now + timedelta(days=1), a, now),
    "reply": lambda c, a, now: commands.reply(c, "hello", a, now),
    "note": lambda c, a, now: commands.note(c, "seen", a, now),
    "call-lead": lambda c, a, now: commands.want_lead(c, "help", a, now),
    "ask-authority": lambda c, a, now: asking.ask_authority(c, "Li Guihua", now + timedelta(days=1), a, now),
    "ask-identity": lambda c, a, now: asking.ask_identity(c, "a@example.com", now, now + timedelta(days=1), a, now),
    "correction": lambda c, a, now: asking.correct(c, "20", "25", now.date(), None, "", a, now),
    "conflict": lambda c, a, now: conflicts.declare(c, c.handler.id if c.handler else "x", "a cousin", a, now),
    "take-over": lambda c, a, now: OFFERS.take_over(c, "my matter", a, now),
    "pull-back": lambda c, a, now: OFFERS.pull_back(c, "ill", a, now),
    "decide": lambda c, a, now: decisions.decide(c, RECORD, "C8_measuring_gap", a, now, POLICY),
    "cause": lambda c, a, now: causes.set_cause(c, "C4_agent_error", "a wrong record", [], a, now, POLICY),
    "settle": lambda c, a, now: ENDING.settle(c, "refunded", None, a, now),
    "resolve": lambda c, a, now: ENDING.resolve(c, a, now),
    "days-over": lambda c, a, now: ON_TIMER(c, Timer(c.complaint_id, CLOSE_TIMER, now, 1), now),
    "no-answer": lambda c, a, now: ON_TIMER(c, Timer(c.complaint_id, NO_ANSWER_TIMER, now, 1), now),
    "confirmed": lambda c, a, now: commands.contact(
        c, commands.Contact("in", "phone", "reached", now, "fine", customer_confirmed_resolved=True), a, now
    ),
    "reopen": lambda c, a, now: decisions.reopen(c, "new", a, now),
    "close": lambda c, a, now: ENDING.close(c, a, now),
    "external": lambda c, a, now: outside.refer(c, outside.Referral("ombudsman"), a, now),
    "outside-decision": lambda c, a, now: outside.decided(
        c, outside.Ruling("ombudsman", "upheld", now.date(), True, None, RECORD.remedies), a, now
    ),
}
EVENTS = sorted((m for m, to in CONSUMERS.items() if "routing" in to), key=lambda m: m.type)
_TELLS = {"ComplaintDecided": "decided", "ComplaintReopened": "reopened", "ComplaintClosed": "closed"}
# Straight ways through a life, of one stage and of two; walks leave them at any point.
_TOLD = [ComplaintReceived, "match", "accept", "decide", "told"]
_STRAIGHT = ([*_TOLD, "resolve", "close"], [*_TOLD, OutcomeDisputed, "match", "decide", "told", "resolve", "close"])
steps = st.lists(
    st.one_of(st.sampled_from(sorted(ACTS)), st.sampled_from(_STRAIGHT[0][1:]), st.sampled_from(EVENTS)), max_size=25
)


def _event(case: Case, payload: Any, now: datetime) -> Event[Any]:
    return Event(uuid4(), case.complaint_id, payload, now, 1, "test")


@examples(250)
@given(st.sampled_from(_STRAIGHT), st.integers(0, 11), steps)
def test_no_order_of_events_and_commands_breaks_a_case(straight: list[Any], depth: int, walk: list[Any]) -> None:
    case, now = Case(uuid4()), START
    for step in [*straight[:depth], *walk]:
        now += timedelta(minutes=1)
        before = case.state
        if isinstance(step, str):
            effects = _commanded(case, step, now)
        else:
            kept = deepcopy(case)
            event = _event(case, RECEIVED if step is ComplaintReceived else example(step), now)
            decided = HANDLERS[step](case, event, now)
            if decided is None:
                assert case == kept
                continue
            effects = list(decided)
        case.version += 1
        _check(case, before, effects)


def _commanded(case: Case, name: str, now: datetime) -> list[Effect]:
    """A command as the API calls it: refusals change nothing, because the transaction is rolled back."""
    kept = _snapshot(case)
    try:
        return list(ACTS[name](case, LEAD, now)) if case.known else []
    except (Problem, Unchanged):
        case.__dict__.update(kept)
        return []


def _snapshot(case: Case) -> dict[str, Any]:
    return dict(case.__dict__)


def _check(case: Case, before: str, effects: Iterable[Effect]) -> None:
    emitted = {type(e.data).__name__ for e in effects if isinstance(e, Emit)}
    assert case.state in states.STATES
    assert (case.offer is not None) == (case.state == "offered")
    if case.state in states.ON_DESK:
        assert case.handler is not None
    if case.state in states.QUEUED:
        assert case.handler is None
        assert case.waiting_since is not None
    if not case.known:
        assert case.state == "received"
        assert not emitted
    moved = before != case.state
    for name, target in _TELLS.items():
        passed_on = name == "ComplaintReopened" and "ComplaintTransferred" in emitted  # its owner may not work on it
        assert (name in emitted) == (moved and case.state == target) or passed_on
    if case.stage == 2 and case.state == "stage2" and case.handler is not None:
        assert case.handler.id not in case.deciders
    if case.state in states.ON_DESK and case.handler is not None:
        assert case.handler.id not in case.conflicts


def test_a_ladder_that_reassigns_gives_the_case_to_somebody_else() -> None:
    case, now = Case(uuid4()), START
    list(HANDLERS[ComplaintReceived](case, _event(case, RECEIVED, now), now))
    list(OFFERS.transfer(case, ZHANG, None, "first", LEAD, now))
    rung = example(RungReached).model_copy(update={"action": "reassign", "skill": None, "tier": None})
    list(HANDLERS[RungReached](case, _event(case, rung, now), now))
    assert (case.state, case.raised) == ("waiting", True)
    (choice,) = match([waiting_of(case, POLICY, now)], [ZHANG, WANG], now, POLICY).assignments
    assert choice.handler.id == "wang"


def test_a_rung_may_ask_for_somebody_of_a_higher_tier_or_of_another_skill() -> None:
    cases: list[tuple[dict[str, str], Handler]] = [
        ({"tier": "top"}, replace(WANG, id="low", tiers=frozenset({"low", "middle"}))),
        ({"skill": "tax"}, replace(WANG, id="low")),
    ]
    for wanted, low in cases:
        case, now = Case(uuid4()), START
        list(HANDLERS[ComplaintReceived](case, _event(case, RECEIVED, now), now))
        case.tier = "low"
        list(OFFERS.transfer(case, ZHANG, None, "first", LEAD, now))
        rung = example(RungReached).model_copy(update={"action": "reassign", "skill": None, "tier": None, **wanted})
        list(HANDLERS[RungReached](case, _event(case, rung, now), now))
        fit = replace(WANG, id="fit", skills={**WANG.skills, "tax": 4})
        (choice,) = match([waiting_of(case, POLICY, now)], [low, fit], now, POLICY).assignments
        assert choice.handler.id == "fit", wanted
        assert case.tier == "low", "the customer is who they were"


def test_the_third_question_to_a_customer_stands_on_the_leads_list() -> None:
    case, now = Case(uuid4()), START
    list(HANDLERS[ComplaintReceived](case, _event(case, RECEIVED, now), now))
    asked = example(RungReached).model_copy(update={"action": "notify", "rung": 0, "cause": "third_question"})
    list(HANDLERS[RungReached](case, _event(case, asked, now), now))
    assert case.lead_wanted == "third_question"


def test_a_rung_for_the_handler_is_the_handlers_task_and_one_for_the_lead_the_leads() -> None:
    case, now = Case(uuid4()), START
    list(HANDLERS[ComplaintReceived](case, _event(case, RECEIVED, now), now))
    list(OFFERS.transfer(case, ZHANG, None, "first", LEAD, now))
    rung = example(RungReached).model_copy(update={"kind": "decision", "rung": 1, "cause": None, "to": "handler"})
    list(HANDLERS[RungReached](case, _event(case, rung, now), now))
    assert (case.warnings, case.lead_wanted) == (["rung:decision:1"], None)
    list(HANDLERS[RungReached](case, _event(case, rung.model_copy(update={"to": "lead", "rung": 3}), now), now))
    assert case.lead_wanted == "rung:decision:3"
