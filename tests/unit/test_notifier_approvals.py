"""Who may grant how much, who approves the rest and by when, what an approver changes."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.notifier.approvals import OVERDUE, Amendment, timer
from shared.base.errors import Conflict, Problem
from shared.calendars import builtin
from shared.events.notifier import LetterBlocked, LetterFailed
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import Story, begun


def waiting(amount: str = "501", **more: Any) -> tuple[Story, Any]:
    """A resolution that promises this sum in pounds."""
    story = begun().tell(c.decided(c.decision(amount), **more))
    return story, story.letter("resolution")


@pytest.mark.parametrize(
    ("amount", "authority", "state"),
    [
        ("500", None, "ready"),
        ("500.01", None, "blocked"),
        ("100", {"GBP": "99.99"}, "blocked"),
        ("100", {"GBP": "100"}, "ready"),
        ("900", {"GBP": "1000"}, "ready"),
        ("1", {"EUR": "1000"}, "blocked"),
        ("0", {"EUR": "1000"}, "ready"),
    ],
)
def test_the_signatorys_own_authority_counts_and_otherwise_the_houses(amount: str, authority: Any, state: str) -> None:
    _, row = waiting(amount, authority=authority)
    assert row.state == state


def test_the_sums_of_one_letter_are_added_by_currency() -> None:
    record = c.decision("300")
    [remedy] = record.remedies
    issue = record.issues[0]
    two = record.model_copy(
        update={
            "issues": (issue, issue.model_copy(update={"id": "fee", "what": "the fee"})),
            "remedies": (remedy, remedy.model_copy(update={"id": "r2", "issue": "fee"})),
        }
    )
    row = begun().tell(c.decided(two)).letter("resolution")
    assert row.inputs["approval"]["sums"] == {"GBP": "600"}
    assert row.inputs["approval"]["authority"] == {"GBP": "500"}


def test_an_approval_has_a_clock_in_working_time_and_is_told_again_when_it_is_overdue() -> None:
    story, row = waiting()
    due = builtin().get("mon-fri").add(story.now, "4bh")
    assert abs(datetime.fromisoformat(row.inputs["approval"]["due_at"]) - due) < timedelta(seconds=5)
    assert story.timers[timer(row.id)].at == datetime.fromisoformat(row.inputs["approval"]["due_at"])
    assert [type(e) for e in story.said] == [LetterBlocked]
    story.after(days=6)
    told = [e for e in story.said if isinstance(e, LetterBlocked) and e.letter_id == row.id]
    assert [e.reason for e in told][1:] == [OVERDUE]
    assert row.state == "blocked"


def test_a_decision_in_time_stops_the_clock() -> None:
    for decide in ("approve", "reject", "withdraw", "again"):
        story, row = waiting()
        debts = story.notifier.debts
        match decide:
            case "approve":
                story.apply(debts.approve(story.matter, row.id, "grace", lead=True, now=story.now))
            case "reject":
                story.apply(debts.reject(story.matter, row.id, "grace", "too much", now=story.now))
            case "withdraw":
                story.tell(c.withdrawn())
            case "again":
                story.tell(c.decided())
        assert timer(row.id) not in story.timers, decide


def test_a_rejection_is_recorded_and_becomes_the_owners_task() -> None:
    story, row = waiting()
    debts = story.notifier.debts
    with pytest.raises(Problem) as own:
        list(debts.reject(story.matter, row.id, "zhang-min", "mine", now=story.now))
    assert own.value.status == 403
    story.apply(debts.reject(story.matter, row.id, "grace", "the loss is not shown", now=story.now))
    assert (row.state, row.reason) == ("cancelled", "rejected by grace: the loss is not shown")
    failed = story.said[-1]
    assert isinstance(failed, LetterFailed)
    assert failed.reason == "rejected"


def test_an_approver_amends_and_the_letter_and_its_promise_say_the_new_sum() -> None:
    story, row = waiting("900")
    debts = story.notifier.debts
    change = [Amendment("r1", Decimal("650"))]
    for who, lead in (("zhang-min", True), ("somebody", False)):
        with pytest.raises(Problem) as refused:
            list(debts.amend(story.matter, row.id, who, change, lead=lead, reason="r", now=story.now))
        assert refused.value.status == 403
    story.apply(debts.amend(story.matter, row.id, "grace", change, lead=True, reason="half a year", now=story.now))
    assert row.state == "ready"
    assert "£650" in row.text
    assert "900" not in row.text
    assert [p.amount for p in row.promises if p.kind == "remedy"] == ["650"]
    [log] = row.inputs["amended"]
    assert (log["who"], log["reason"], log["from"]["amount"], log["to"]["amount"]) == (
        "grace", "half a year", "900", "650",
    )  # fmt: skip
    assert row.inputs["approved_by"] == "grace"


def test_only_what_the_decision_holds_can_be_amended() -> None:
    story, row = waiting()
    debts = story.notifier.debts
    with pytest.raises(Problem) as unknown:
        list(debts.amend(story.matter, row.id, "grace", [Amendment("r9", Decimal(1))], lead=True, reason="r",
                         now=story.now))  # fmt: skip
    assert unknown.value.errors[0]["pointer"] == "/remedies/0/remedy"
    story = Story().tell(c.received(), c.triaged("T0"), c.clocks(decision=c.later(days=5)))
    row = story.letter("acknowledgement")
    with pytest.raises(Conflict):
        list(debts.amend(story.matter, row.id, "grace", [Amendment("r1", Decimal(1))], lead=True, reason="r",
                         now=story.now))  # fmt: skip
