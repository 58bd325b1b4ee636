"""What is owed when: the notifier's decisions, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notifier import language as languages
from services.notifier import policy, promises, specimens
from services.notifier.debts import HELD_BULK, Debts
from services.notifier.handlers import Notifier
from services.notifier.letter import Commitment
from services.notifier.lint import Linter
from services.notifier.model import Matter, Promise
from services.notifier.writer import Writer
from shared.base.errors import Conflict, NotFound, Problem
from shared.events import escalation, intake, routing
from shared.events.common import Apology, Text
from shared.events.envelope import Event, Payload
from shared.events.notifier import LetterBlocked, LetterFailed, PromiseBroken, PromiseKept
from shared.spine.effects import Arm, Disarm, Emit, Timer
from tests.support import correspondence as c

WRITER = Writer(languages.load_all(), policy.load(None), Linter())
COMPLAINT = UUID("00000000-0000-4000-8000-000000000001")


class Story:
    """One complaint, its timers, and everything that was said."""

    def __init__(self) -> None:
        self.notifier = Notifier(Debts(WRITER))
        self.matter, self.timers, self.said = Matter(COMPLAINT), dict[str, Arm](), list[Payload]()
        self.now = datetime.now(UTC)

    def tell(self, *data: Payload) -> "Story":
        for one in data:
            event: Event[Any] = Event(uuid4(), COMPLAINT, one, self.now, 1, "test")
            self.apply(self.notifier.table()[type(one)](self.matter, event, self.now) or ())
        return self

    def apply(self, effects: Any) -> None:
        for effect in list(effects):
            match effect:
                case Emit():
                    self.said.append(effect.data)
                case Arm():
                    self.timers[effect.name] = effect
                case Disarm():
                    self.timers.pop(effect.name, None)

    def after(self, **time: float) -> "Story":
        """Time passes; due timers fire."""
        self.now += timedelta(**time)
        for name, arm in sorted(self.timers.items(), key=lambda item: item[1].at):
            if arm.at <= self.now:
                del self.timers[name]
                self.apply(self.notifier.on_timer(self.matter, Timer(COMPLAINT, name, arm.at, 1), self.now))
        return self

    def states(self) -> dict[str, str]:
        return {row.kind: row.state for row in self.matter.letters}

    def letter(self, kind: str) -> Any:
        return next(row for row in self.matter.letters if row.kind == kind)


def begun(**more: Any) -> Story:
    """A complaint that is triaged and has its clocks."""
    return Story().tell(c.received(**more), c.triaged(), c.clocks(decision=c.later(days=5)))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_acknowledgement_waits_for_triage_and_clocks_in_any_order(order: tuple[int, int]) -> None:
    story = Story().tell(c.received())
    assert story.states() == {}
    both = [c.triaged(), c.clocks(decision=c.later(days=5))]
    story.tell(both[order[0]])
    assert story.states() == {}
    story.tell(both[order[1]])
    assert story.states() == {"acknowledgement": "ready"}
    assert "ack" not in story.timers
    row, facts = story.letter("acknowledgement"), story.matter.facts
    assert facts is not None
    assert row.trigger == facts.trigger
    assert [p.kind for p in row.promises] == ["date"]


def test_one_acknowledgement_whatever_comes_again() -> None:
    story = begun()
    story.tell(c.triaged(), c.clocks(decision=c.later(days=6)), c.received()).after(seconds=10)
    assert [row.kind for row in story.matter.letters] == ["acknowledgement"]


def test_after_five_seconds_it_goes_without_a_date_and_the_date_follows() -> None:
    story = Story().tell(c.received()).after(seconds=5)
    assert story.states() == {"acknowledgement": "ready"}
    assert story.letter("acknowledgement").promises == []
    story.tell(c.triaged(), c.clocks(decision=c.later(days=5)))
    assert story.states() == {"acknowledgement": "ready", "progress": "ready"}
    assert [p.kind for p in story.letter("progress").promises] == ["date"]


def test_a_breach_is_apologised_for_after_the_hold_and_one_at_a_time() -> None:
    story = begun().tell(c.assigned(), c.breached("first_response"), c.breached("decision"), c.breached("callback"))
    assert story.states()["delay_apology"] == "owed"
    assert [row.kind for row in story.matter.letters].count("delay_apology") == 1
    story.after(seconds=61)
    assert story.letter("delay_apology").state == "ready"
    assert "Zhang Min" in story.letter("delay_apology").text


def test_a_retracted_breach_is_not_apologised_for() -> None:
    clock = uuid4()
    story = begun().tell(c.breached(clock_id=clock))
    other = escalation.SlaBreachRetracted(
        clock_id=uuid4(), kind="decision", version=1, due_at=c.later(), met_at=c.later()
    )
    assert story.tell(other).letter("delay_apology").state == "owed"
    story.tell(other.model_copy(update={"clock_id": clock})).after(seconds=120)
    assert story.letter("delay_apology").state == "cancelled"


def test_withdrawal_cancels_everything_unclaimed_and_nothing_follows_it() -> None:
    story = begun().tell(c.breached(), c.withdrawn())
    assert story.states() == {
        "acknowledgement": "cancelled", "delay_apology": "cancelled", "withdrawal_confirmation": "ready",
    }  # fmt: skip
    story.tell(c.breached(), c.withdrawn(), c.replied("Thank you.")).after(seconds=120)
    assert len(story.matter.letters) == 3


def test_a_withdrawal_before_the_acknowledgement_is_confirmed_and_the_debt_stands_as_cancelled() -> None:
    story = Story().tell(c.received(), c.withdrawn(), c.triaged(), c.clocks(decision=c.later(days=1))).after(seconds=9)
    assert story.states() == {"acknowledgement": "cancelled", "withdrawal_confirmation": "ready"}


def test_danger_to_life_blocks_what_is_not_yet_sent_and_leaves_what_a_person_wrote() -> None:
    story = Story().tell(c.received()).after(seconds=5)
    assert story.states() == {"acknowledgement": "ready"}
    story.tell(c.triaged("T2", "T0"), c.clocks(decision=c.later(days=5)))
    assert story.states() == {"acknowledgement": "blocked", "progress": "blocked"}
    assert [type(e) for e in story.said] == [LetterBlocked, LetterBlocked]
    story.tell(c.replied("I have just tried to call you. Please call me on 010 555 0100 by 14 June."))
    assert story.letter("reply").state == "ready"


def test_a_person_lets_a_blocked_letter_go_or_stops_it() -> None:
    story = begun()
    story = Story().tell(c.received(), c.triaged("T0"), c.clocks(decision=c.later(days=5)))
    row, debts = story.letter("acknowledgement"), story.notifier.debts
    assert row.state == "blocked"
    list(debts.approve(story.matter, row.id, "ben", lead=False, now=story.now))
    assert row.state == "ready"
    assert row.inputs["approved_by"] == "ben"
    with pytest.raises(Conflict):
        list(debts.reject(story.matter, row.id, "ben", "no", now=story.now))
    with pytest.raises(NotFound):
        list(debts.approve(story.matter, uuid4(), "ben", lead=True, now=story.now))


def test_nobody_approves_their_own_and_money_needs_a_lead() -> None:
    story = begun().tell(c.decided(c.decision("501")))
    row, debts = story.letter("resolution"), story.notifier.debts
    assert (row.state, row.reason) == ("blocked", "approval: 501 GBP is above the signatory's authority")
    for who, lead in (("zhang-min", True), ("other", False)):
        with pytest.raises(Problem) as refused:
            list(debts.approve(story.matter, row.id, who, lead=lead, now=story.now))
        assert refused.value.status == 403
    list(debts.approve(story.matter, row.id, "grace", lead=True, now=story.now))
    assert row.state == "ready"


def test_a_currency_without_authority_needs_approval() -> None:
    record = c.decision()
    remedy = record.remedies[0].model_copy(update={"currency": "XAU"})
    story = begun().tell(c.decided(record.model_copy(update={"remedies": (remedy,)})))
    assert story.letter("resolution").reason.startswith("approval: 20 XAU")


def test_a_lead_overrides_tone_but_never_somebody_elses_data() -> None:
    story = begun().tell(c.replied("You failed to keep the receipt."))
    row, debts = story.letter("reply"), story.notifier.debts
    assert row.findings == ["E1"]
    with pytest.raises(Problem) as unexplained:
        list(debts.approve(story.matter, row.id, "ada", lead=True, now=story.now))
    assert (unexplained.value.status, row.state) == (422, "blocked")
    list(debts.approve(story.matter, row.id, "ada", lead=True, now=story.now, reason="she asked for plain words"))
    assert (row.state, row.inputs["approval_reason"]) == ("ready", "she asked for plain words")
    story = begun().tell(c.replied("Please write to her at other@example.org."))
    row = story.letter("reply")
    assert "G5" in row.findings
    with pytest.raises(Conflict, match="G5"):
        list(debts.approve(story.matter, row.id, "ada", lead=True, now=story.now))
    assert row.state == "blocked"


def test_without_an_address_the_task_is_told_once_and_a_later_address_serves() -> None:
    story = begun(email=None)
    assert story.states() == {"acknowledgement": "no_address"}
    [failed] = story.said
    assert isinstance(failed, LetterFailed)
    assert failed.reason == "no_address"
    row, debts = story.letter("acknowledgement"), story.notifier.debts
    with pytest.raises(Conflict):
        list(debts.resend(story.matter, row.id, "ada", now=story.now))
    changed = intake.CustomerChanged(
        customer=intake.Customer(customer_id=c.CUSTOMER, tier="low", language="en"),
        personal={c.CUSTOMER: intake.Person(email="li.na@example.org")},
    )
    story.tell(changed)
    list(debts.resend(story.matter, row.id, "ada", now=story.now))
    assert (row.state, row.address) == ("ready", "li.na@example.org")


def test_a_new_decision_replaces_the_letter_of_the_old_one() -> None:
    story = begun().tell(c.decided(), c.decided())
    assert [row.state for row in story.matter.letters if row.kind == "resolution"] == ["cancelled", "ready"]


def test_an_admission_is_stopped_where_somebody_may_be_liable() -> None:
    story = Story().tell(c.received(), c.triaged("T1"), c.decided())
    assert story.letter("resolution").reason.startswith("liability")
    record = c.decision()
    issue = record.issues[0].model_copy(update={"apology": Apology(kind="regret", for_="what happened")})
    story.tell(c.decided(record.model_copy(update={"issues": (issue,)})))
    assert [row.state for row in story.matter.letters if row.kind == "resolution"] == ["cancelled", "ready"]


def test_a_chase_and_a_warned_update_are_answered_in_one_letter() -> None:
    chased = intake.ComplaintChased(customer_id=c.CUSTOMER, channel="email", received_at=c.later(), count_7d=2)
    warning = escalation.SlaWarning(
        clock_id=uuid4(), kind="next_update", version=1, due_at=c.later(hours=1), share=0.75, tier="low"
    )
    story = begun().tell(c.assigned(), chased, warning).after(seconds=61)
    assert [row.kind for row in story.matter.letters].count("progress") == 1
    assert "you asked us how things stand" in story.letter("progress").text


def test_a_holding_letter_says_why_and_until_when_before_the_limit() -> None:
    rung = escalation.RungReached(
        clock_id=uuid4(), kind="final_response", version=1, due_at=c.later(days=2), rung=2, action="holding_letter",
        to="lead", reason=Text(zh="厂家的检测报告还没有到", en="The maker's report has not come yet"),
        new_date=c.later(days=20),
    )  # fmt: skip
    story = begun().tell(c.assigned(), rung, rung)
    assert story.states()["holding"] == "ready"
    assert "The maker's report has not come yet." in story.letter("holding").text
    assert [row.kind for row in story.matter.letters].count("holding") == 1
    unexplained = begun().tell(c.assigned(), rung.model_copy(update={"reason": None}))
    assert unexplained.letter("holding").reason == "missing: reason"


def test_clocks_whose_dates_no_letter_tells_are_no_news() -> None:
    due = {"decision": c.later(days=5), "next_update": c.later(days=3)}
    story = Story().tell(c.received(), c.triaged(), c.clocks(**due, acknowledgement=c.later(days=1)))

    def told(**due: datetime) -> Any:
        event: Event[Any] = Event(uuid4(), COMPLAINT, c.clocks(**due), story.now, 2, "test")
        return story.notifier.table()[escalation.ClocksChanged](story.matter, event, story.now)

    assert told(**due) is None, "the acknowledgement's clock stopped"
    assert told(**{**due, "next_update": c.later(days=4)}) is not None
    assert told(**due, summary_resolution=c.later(days=3)) is not None


def test_a_reopening_whose_date_stays_is_told_all_the_same() -> None:
    due = c.later(days=5)
    story = Story().tell(c.received(), c.triaged(), c.clocks(decision=due))
    story.tell(routing.ComplaintReopened(at=c.later(), by="ada", count=1, stage=2, reason="disputed"))
    assert story.tell(c.clocks(decision=due)).letter("reopening").state == "ready"


def test_a_reopening_waits_for_its_new_date() -> None:
    reopened = routing.ComplaintReopened(at=c.later(), by="ada", count=1, stage=2, reason="disputed")
    story = begun()
    story.tell(intake.OutcomeDisputed(customer_id=c.CUSTOMER, channel="email", received_at=c.later()), reopened)
    assert "reopening" not in story.states()
    story.tell(c.clocks(decision=c.later(days=9)))
    letter = story.letter("reopening")
    assert letter.state == "ready"
    assert "As you asked" in letter.text
    assert "has not worked on it before" in letter.text
    assert len(story.after(seconds=30).matter.letters) == 2
    undated = begun().tell(reopened).after(seconds=6)
    assert undated.letter("reopening").state == "ready"


ANSWERS = [("praise", "thanks"), ("suggestion", "thanks"), ("question", "acknowledgement")]


@pytest.mark.parametrize(("kind", "letter"), ANSWERS)
def test_messages_that_are_no_complaints_are_answered(kind: Any, letter: str) -> None:
    said = c.received()
    message = intake.MessageReceived(
        kind=kind, reference=said.reference, channel="email", received_at=said.received_at, customer=said.customer,
        personal=said.personal,
    )  # fmt: skip
    story = Story().tell(message, c.triaged(), c.clocks(decision=c.later(days=1))).after(seconds=9)
    assert story.states() == {letter: "ready"}


def promised(story: Story, kind: Any, due: datetime, **more: Any) -> Promise:
    promise = Promise(uuid4(), uuid4(), kind, due, **more)
    story.matter.promises.append(promise)
    return promise


def test_promises_are_kept_by_what_keeps_them() -> None:
    story = begun()
    update, remedy = (
        promised(story, "update", c.later(days=1)),
        promised(story, "remedy", c.later(days=1), remedy_id="r1"),
    )
    late = promised(story, "update", c.later(days=-1))
    voicemail = routing.ContactMade(
        contact_id=uuid4(), direction="out", channel="hotline", outcome="voicemail", at=c.later(), by="zhang-min"
    )
    story.tell(voicemail)
    assert update.state == "open"
    story.tell(voicemail.model_copy(update={"outcome": "reached"}))
    assert (update.state, late.state, remedy.state) == ("kept", "open", "open")
    done = routing.RemedyCarriedOut(decision_id=uuid4(), remedy_id="r1", at=c.later(), evidence="booked", by="z")
    story.tell(done, done)
    assert remedy.state == "kept"
    assert [type(e) for e in story.said] == [PromiseKept, PromiseKept]


def test_a_promise_is_broken_at_its_time_and_let_go_by_a_withdrawal() -> None:
    story = begun()
    promise = promised(story, "date", c.later(days=1))
    story.timers[promises.timer(promise.id)] = Arm(promises.timer(promise.id), at=promise.due_at)
    story.after(days=1, seconds=1)
    assert promise.state == "broken"
    [broken] = story.said
    assert isinstance(broken, PromiseBroken)
    other = promised(story, "date", c.later(days=3))
    story.tell(c.withdrawn())
    assert other.state == "cancelled"


def test_a_bare_day_lasts_until_its_end() -> None:
    assert promises.due_at(Commitment("remedy", "2026-06-15", "x")) == datetime(2026, 6, 16, tzinfo=UTC)
    assert promises.due_at(Commitment("remedy", "2026-06-16T00:00:00+08:00", "x")) == datetime(
        2026, 6, 15, 16, tzinfo=UTC
    )


def test_events_of_an_unknown_complaint_owe_nothing() -> None:
    story = Story().tell(c.triaged(), c.decided(), c.breached(), c.withdrawn(), c.replied("Hello"))
    assert story.matter.letters == []
    assert list(story.notifier.on_timer(story.matter, Timer(COMPLAINT, "ack", story.now, 1), story.now)) == []


def test_a_notice_to_many_waits_for_a_second_person() -> None:
    story = begun().tell(c.assigned())
    facts, debts = story.matter.facts, story.notifier.debts
    assert facts is not None
    inputs = specimens.row("en", "bulk_notice").inputs
    story.apply(debts.owe(story.matter, facts, uuid4(), "bulk_notice", story.now, inputs=inputs, by_person="ben"))
    row = story.letter("bulk_notice")
    assert (row.state, row.reason) == ("blocked", HELD_BULK)
    assert row.text
    for who, lead in (("ben", True), ("somebody", False)):
        with pytest.raises(Problem):
            list(debts.approve(story.matter, row.id, who, lead=lead, now=story.now))
    story.apply(debts.approve(story.matter, row.id, "grace", lead=True, now=story.now))
    assert row.state == "ready"
