"""The case's whole state table: state × command → next state, and the events that go with it.

`STATES` and `MOVES` are the one place where a move is defined; handlers ask `after`, refusals list `allowed`, and
docs/routing.md shows `table_markdown()`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from shared.base.errors import Conflict

State = Literal[
    "received",
    "triaged",
    "waiting",
    "offered",
    "assigned",
    "waiting_customer",
    "waiting_enquiry",
    "decided",
    "communicated",
    "resolved",
    "disputed",
    "stage2",
    "final",
    "reopened",
    "closed",
    "withdrawn",
    "referred_outside",
]
Command = Literal[
    "triage",
    "queue",
    "offer",
    "push",
    "accept",
    "decline",
    "expire",
    "leave",
    "transfer",
    "transfer-to-queue",
    "contact",
    "note",
    "attachments",
    "call-lead",
    "conflict",
    "reply",
    "correction",
    "ask",
    "ask-authority",
    "ask-identity",
    "enquiry",
    "enquiry-answer",
    "enquiries-answered",
    "cause",
    "customer-replied",
    "decide",
    "settle",
    "resolution-sent",
    "remedy-done",
    "resolve",
    "customer-accepts",
    "dispute",
    "reopen",
    "close",
    "no-answer",
    "external",
    "outside-decision",
    "withdraw",
    "answer-message",
    "probe-passed",
]
Stage = Literal[1, 2]

STATES: tuple[State, ...] = get_args(State)
COMMANDS: tuple[Command, ...] = get_args(Command)

QUEUED: tuple[State, ...] = ("waiting", "disputed")  # looking for a handler
ON_DESK: tuple[State, ...] = ("assigned", "reopened", "stage2")  # somebody works on it now
PAUSED: tuple[State, ...] = ("waiting_customer", "waiting_enquiry")
ENDED: tuple[State, ...] = ("closed", "withdrawn", "referred_outside")
ANSWERED: tuple[State, ...] = ("decided", "communicated", "resolved", "final")
CLOSABLE: tuple[State, ...] = ("resolved", "final", "withdrawn", "referred_outside")
# Where remedies may still be carried out: an outside body may order some after the end.
CARRYING: tuple[State, ...] = (*ANSWERED, "disputed", *ON_DESK, *PAUSED, "referred_outside", "closed")
WRITING: tuple[State, ...] = (*ON_DESK, *PAUSED, *ANSWERED, "disputed", "closed")
KNOWN: tuple[State, ...] = tuple(s for s in STATES if s not in ("received", "triaged"))
OPEN: tuple[State, ...] = tuple(s for s in KNOWN if s not in ENDED)
# What takes a place of a handler's capacity.
BUSY: tuple[State, ...] = ("offered", *ON_DESK, *PAUSED, "decided")

STAY, WORK, TOLD = "=", "work", "told"
# Two targets depend on the stage: who works on it, and what it is once the customer has the answer.
BY_STAGE: dict[str, dict[int, State]] = {
    WORK: {1: "assigned", 2: "stage2"},
    TOLD: {1: "communicated", 2: "final"},
}


@dataclass(frozen=True, slots=True)
class Move:
    """One row: from each of `sources`, `command` leads to `target`; `emits` are event names, `who` may cause it."""

    command: Command
    sources: tuple[State, ...]
    target: str
    who: str
    emits: tuple[str, ...] = ()


MOVES: tuple[Move, ...] = (
    Move("triage", ("received",), "triaged", "routing", ("ComplaintTriaged",)),
    Move("queue", ("triaged",), "waiting", "routing"),
    Move("offer", QUEUED, "offered", "round", ("RequirementsRelaxed?", "OfferMade")),
    Move("push", QUEUED, WORK, "round", ("RequirementsRelaxed?", "ComplaintAssigned")),
    Move("accept", ("offered",), WORK, "handler", ("OfferEnded", "ComplaintAssigned")),
    Move("decline", ("offered",), "waiting", "handler", ("OfferEnded",)),
    Move("expire", ("offered",), "waiting", "timer", ("OfferEnded",)),
    Move("leave", ("offered",), "waiting", "handler", ("OfferEnded",)),
    Move("transfer", QUEUED, WORK, "lead", ("ComplaintAssigned",)),
    Move("transfer", ("offered",), WORK, "lead", ("OfferEnded", "ComplaintAssigned")),
    Move("transfer", ON_DESK, WORK, "owner, lead", ("ComplaintTransferred",)),
    Move("transfer", (*PAUSED, *ANSWERED), STAY, "owner, lead", ("ComplaintTransferred",)),
    Move("transfer-to-queue", ("offered",), "waiting", "lead", ("OfferEnded",)),
    Move("transfer-to-queue", (*ON_DESK, *PAUSED), "waiting", "owner, lead, ladder", ("ComplaintTransferred",)),
    Move("contact", KNOWN, STAY, "handler, lead", ("ContactMade", "FirstResponseGiven?")),
    Move("note", KNOWN, STAY, "handler, lead"),
    Move("attachments", KNOWN, STAY, "handler, lead"),
    Move("call-lead", OPEN, STAY, "handler, lead"),
    Move("conflict", OPEN, STAY, "handler, lead"),
    Move("reply", WRITING, STAY, "owner, lead", ("ReplyWritten",)),
    Move("correction", WRITING, STAY, "owner, lead", ("CorrectionWritten",)),
    Move("ask", (*ON_DESK, *PAUSED), "waiting_customer", "owner, lead", ("InformationRequested",)),
    Move("ask-authority", (*ON_DESK, *PAUSED), STAY, "owner, lead", ("AuthorityRequested",)),
    Move("ask-identity", (*ON_DESK, *PAUSED, *ANSWERED, "disputed"), STAY, "owner, lead", ("VerificationRequested",)),
    Move("enquiry", (*ON_DESK, *PAUSED), "waiting_enquiry", "owner, lead", ("EnquiryOpened",)),
    Move("enquiry-answer", KNOWN, STAY, "handler, lead", ("EnquiryAnswered",)),
    Move("enquiries-answered", ("waiting_enquiry",), WORK, "routing"),
    Move("customer-replied", ("waiting_customer",), WORK, "customer"),
    Move("customer-replied", tuple(s for s in KNOWN if s != "waiting_customer"), STAY, "customer"),
    Move("cause", (*QUEUED, "offered", *ON_DESK, *PAUSED), STAY, "owner, lead", ("ComplaintTriaged",)),
    Move("decide", (*ON_DESK, *PAUSED), "decided", "owner, lead", ("ComplaintDecided",)),
    Move("settle", (*ON_DESK, *PAUSED), "resolved", "owner, lead", ("ComplaintResolved",)),
    Move("resolution-sent", ("decided",), TOLD, "notifier"),
    Move("remedy-done", CARRYING, STAY, "owner, lead", ("RemedyCarriedOut",)),
    Move("resolve", ("communicated",), "resolved", "owner, lead", ("ComplaintResolved",)),
    Move("resolve", ("final",), STAY, "owner, lead", ("ComplaintResolved",)),
    Move("customer-accepts", ("communicated", "resolved", "final", "closed"), STAY, "customer"),
    Move("dispute", ("communicated", "resolved"), "disputed", "customer"),
    Move("reopen", ("resolved", "closed"), "reopened", "customer, handler, lead", ("ComplaintReopened",)),
    Move("close", CLOSABLE, "closed", "owner, lead, timer", ("ComplaintClosed",)),
    Move("no-answer", ("waiting_customer",), "closed", "timer", ("ComplaintClosed",)),
    Move("external", OPEN, "referred_outside", "owner, lead", ("OfferEnded?", "ComplaintReferredOutside")),
    Move("outside-decision", (*ANSWERED, "referred_outside", "closed"), STAY, "owner, lead", ("OutsideDecided",)),
    Move("withdraw", OPEN, "withdrawn", "customer", ("OfferEnded?",)),
    Move("answer-message", ("assigned",), "resolved", "owner, lead"),
    Move("probe-passed", ("triaged",), "closed", "notifier, timer", ("ComplaintClosed",)),
)
TABLE: dict[tuple[State, Command], Move] = {(source, m.command): m for m in MOVES for source in m.sources}

# What a person may call on a case, by the last part of its path.
API_COMMANDS: tuple[Command, ...] = (
    "transfer", "contact", "note", "attachments", "call-lead", "conflict", "reply", "correction", "ask",
    "ask-authority", "ask-identity", "enquiry", "enquiry-answer", "cause", "decide", "settle", "remedy-done", "resolve",
    "reopen", "close", "external", "outside-decision",
)  # fmt: skip


def allowed(state: State) -> list[Command]:
    """The commands of people that the state admits, in the order of a case's life."""
    return [c for c in API_COMMANDS if (state, c) in TABLE]


def possible(state: State, command: Command) -> bool:
    """Whether the table has this pair."""
    return (state, command) in TABLE


def after(state: State, command: Command, stage: int = 1) -> State:
    """The next state. Raises Conflict (409) with the allowed moves when the table lacks the pair."""
    move = TABLE.get((state, command))
    if move is None:
        raise refusal(state, command)
    return target(move, state, stage)


def target(move: Move, state: State, stage: int) -> State:
    """Where a move leads from a state: itself, the target, or the target of that stage."""
    if move.target == STAY:
        return state
    if move.target in BY_STAGE:
        return BY_STAGE[move.target][stage]
    return move.target  # type: ignore[return-value]


def refusal(state: State, command: str, detail: str = "") -> Conflict:
    """The 409 of a command that the state (or a `detail`) forbids, with what is possible now."""
    moves = allowed(state)
    text = detail or f"{command} is not possible while the case is {state}."
    return Conflict(text, state=state, allowed=moves)


def table_markdown() -> str:
    """The table as docs/routing.md shows it: one row a move, grouped sources, the events it emits."""
    lines = ["| command | from | to | by | events |", "|---|---|---|---|---|"]
    for move in MOVES:
        lines.append(
            f"| {move.command} | {_named(move.sources)} | {_target_name(move.target)} | {move.who} "
            f"| {', '.join(move.emits) or 'none'} |"
        )
    return "\n".join(lines) + "\n"


def _named(states: Iterable[State]) -> str:
    given = tuple(states)
    if set(given) == set(OPEN):
        return "any open state"
    if set(given) == set(KNOWN):
        return "any state after triage"
    return ", ".join(given)


def _target_name(name: str) -> str:
    if name == STAY:
        return "(stays)"
    if name in BY_STAGE:
        stages = BY_STAGE[name]
        return f"{stages[1]} (second stage: {stages[2]})"
    return name
