"""Whatever comes in whatever order: no event fails, and what was promised about letters holds."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.notifier import language as languages
from services.notifier import policy
from services.notifier.approvals import OVERDUE
from services.notifier.debts import Debts
from services.notifier.handlers import Notifier
from services.notifier.lint import Linter
from services.notifier.model import LetterRow, Matter
from services.notifier.writer import Writer
from shared.deliver.ledger import MOVES
from shared.events import escalation, intake, routing
from shared.events.common import Text
from shared.events.envelope import Event, Payload
from shared.events.notifier import LetterBlocked, LetterFailed
from shared.spine.effects import Arm, Disarm, Emit, Timer
from tests.support import correspondence as c

NOTIFIER = Notifier(Debts(Writer(languages.load_all(), policy.load(None), Linter())))
COMPLAINT = UUID("00000000-0000-4000-8000-000000000001")
CLOCKS = [UUID(int=n) for n in range(3)]
TIME = datetime(2026, 6, 9, 9, tzinfo=UTC)


FIRST: list[Payload] = [c.received(), c.received(language="zh"), c.received(email=None)]


def events() -> st.SearchStrategy[Payload]:
    """Every event that the notifier listens to."""
    due = st.integers(-3, 30).map(lambda days: TIME + timedelta(days=days))
    clock = st.sampled_from(CLOCKS)
    kind = st.sampled_from(["decision", "first_response", "next_update", "acknowledgement", "final_response"])
    said = {"customer_id": c.CUSTOMER, "channel": "email", "received_at": TIME}
    amount = st.sampled_from(["20", "501", "0"])
    return st.one_of(
        st.sampled_from(FIRST),
        st.sampled_from([c.triaged(), c.triaged("T1"), c.triaged("T2", vulnerable=True)]),
        st.just(c.triaged("T0")),
        st.builds(lambda a, b: c.clocks(decision=a, next_update=b), due, due),
        st.just(c.clocks()),
        st.builds(lambda k, i: c.breached(k, i), kind, clock),
        st.builds(retracted, kind, clock),
        kind.map(warning),
        amount.map(lambda n: c.decided(c.decision(n))),
        st.sampled_from(["Your order is on its way.", "You failed to call.", "", "Mail x@y.example."]).map(c.replied),
        st.just(c.assigned()),
        st.just(routing.ComplaintTransferred(from_handler="a", by="b", reason="c")),
        st.just(routing.ComplaintTransferred(from_handler="a", handler=c.LEAD, by="b", reason="c")),
        st.just(c.assigned(c.LEAD)),
        st.integers(-1, 9).map(lambda days: c.asked(TIME + timedelta(days=days))),
        st.integers(-1, 9).map(lambda days: c.called_for(TIME + timedelta(days=days))),
        st.just(c.answered()),
        st.sampled_from(["reached", "voicemail"]).map(c.contact),
        st.just(routing.ComplaintReferredOutside(at=TIME, body="the Example Ombudsman Service", by="a")),
        st.just(c.withdrawn()),
        st.just(intake.OutcomeDisputed(**said)),
        st.just(intake.ReopenRequested(**said)),
        st.just(intake.ComplaintChased(**said, count_7d=2)),
        st.builds(rung, st.sampled_from(["holding_letter", "notify"]), st.sampled_from([None, HOLD])),
        st.builds(bounce, st.booleans()),
        st.just(routing.ComplaintReopened(at=TIME, by="a", count=1, stage=2, reason="r")),
        st.just(routing.RemedyCarriedOut(decision_id=CLOCKS[0], remedy_id="r1", at=TIME, evidence="e", by="a")),
    )  # fmt: skip


def retracted(kind: str, clock: UUID) -> Payload:
    """A breach that was none."""
    return escalation.SlaBreachRetracted(clock_id=clock, kind=kind, version=1, due_at=TIME, met_at=TIME)


HOLD = Text(zh="厂家6月11日才出检测报告", en="The maker sends us its report on 11 June")


def rung(action: Any, reason: Text | None) -> Payload:
    """The ladder wants something."""
    return escalation.RungReached(
        clock_id=CLOCKS[0], kind="decision", version=1, due_at=TIME, rung=1, action=action, to="lead", reason=reason,
        new_date=TIME + timedelta(days=9),
    )  # fmt: skip


def bounce(permanent: bool) -> Payload:
    """A mail came back."""
    person = intake.Person(email="lina@example.org")
    return intake.BounceReceived(
        customer_id=c.CUSTOMER, letter_message_id="<a@b>", status="5.1.1", permanent=permanent,
        personal={c.CUSTOMER: person},
    )  # fmt: skip


def warning(kind: str) -> Payload:
    """Most of a limit is used up."""
    return escalation.SlaWarning(clock_id=CLOCKS[0], kind=kind, version=1, due_at=TIME, share=0.8, tier="low")


class Life:
    """One complaint: its state, its timers, and how each letter's state moved."""

    def __init__(self) -> None:
        self.matter, self.timers, self.now = Matter(COMPLAINT), dict[str, Arm](), TIME
        self.told: list[Any] = []

    def step(self, effects: Any, before: dict[UUID, str]) -> None:
        for effect in effects:
            match effect:
                case Arm():
                    self.timers[effect.name] = effect
                case Disarm():
                    self.timers.pop(effect.name, None)
                case Emit():
                    self.told.append(effect.data)
        for row in self.matter.letters:
            was = before.get(row.id, "owed")
            assert row.state == was or reachable(was, row.state), (row.kind, was, row.state)

    def states(self) -> dict[UUID, str]:
        return {row.id: row.state for row in self.matter.letters}


def reachable(before: Any, after: Any) -> bool:
    """Whether the ledger knows a way from one state to the other without a sender."""
    seen, frontier = {before}, [before]
    while frontier:
        for one in MOVES[frontier.pop()] - {"sending"}:
            if one not in seen:
                seen.add(one)
                frontier.append(one)
    return after in seen


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(FIRST),
    st.lists(
        st.tuples(events(), st.sampled_from([0, 0, 6, 61, 86400 * 3]), st.sampled_from([False, False, False, True])),
        min_size=1,
        max_size=14,
    ),
)
@example(c.received(), [(c.assigned(), 6, False), (c.triaged("T0"), 0, False), (c.breached(), 61, False)])
@example(c.received(), [(c.triaged(), 0, False), (c.breached(), 0, False), (c.withdrawn(), 0, False)])
def test_any_story_is_told_to_its_end(first: Payload, story: list[tuple[Payload, int, bool]]) -> None:
    life, table = Life(), NOTIFIER.table()
    for data, seconds, send in [(first, 0, False), *story]:
        event: Event[Any] = Event(uuid4(), COMPLAINT, data, life.now, 1, "test")
        before = life.states()
        life.step(list(table[type(data)](life.matter, event, life.now) or ()), before)
        life.now += timedelta(seconds=seconds)
        for name, arm in sorted(life.timers.items()):
            if arm.at <= life.now:
                life.timers.pop(name, None)
                before = life.states()
                life.step(list(NOTIFIER.on_timer(life.matter, Timer(COMPLAINT, name, arm.at, 1), life.now)), before)
        if send:  # a sender took what is ready: handlers see such letters no more
            life.matter.letters = [row for row in life.matter.letters if row.state != "ready"]
    check(life)


def check(life: Life) -> None:
    letters: list[LetterRow] = life.matter.letters
    assert len({row.id for row in letters}) == len(letters)
    assert sum(row.kind == "acknowledgement" for row in letters) <= 1
    for row in letters:
        if row.state == "ready":
            assert row.text
            assert row.address
            assert "{" not in row.text
            assert not row.findings
        if row.state == "owed":
            assert f"letter/{row.id}" in life.timers
    facts = life.matter.facts
    if facts and facts.withdrawn:
        assert all(row.kind == "withdrawal_confirmation" for row in letters if row.state in ("owed", "ready"))
    if facts and facts.level == "T0":
        assert not [row for row in letters if row.automatic and row.state == "ready"]
    told = [(data.letter_id, data.reason == OVERDUE) for data in life.told
            if isinstance(data, (LetterBlocked, LetterFailed))]  # fmt: skip
    assert len(told) == len(set(told))
