"""Hard triggers in the house's own pack: who is paged, and by when somebody speaks with the customer."""

from datetime import UTC, datetime
from importlib.resources import files

import pytest

from services.escalation.pages import OnCall, owed
from shared.events.common import Staff
from shared.events.escalation import RungReached, SlaBreached
from shared.events.routing import ComplaintTriaged, Trigger
from tests.support import lives
from tests.support.lives import World, book_of, minutes

# A Saturday night: danger does not wait for opening hours.
T = datetime(2026, 11, 28, 23, 0, tzinfo=UTC)
PACK = (files("services.escalation") / "packs" / "house-tiered.yaml").read_text("utf-8")


LEADS = tuple(Staff(id=n, name=n.title(), role_title="lead", contact=f"{n}@house.example") for n in ("ada", "bo"))


def triaged(level: str | None, duty: tuple[Staff, ...] | None = None) -> ComplaintTriaged:
    triggers = (Trigger.model_validate({"level": level, "rule": f"{level}.x"}),) if level else ()
    return lives.triaged(severity="P1" if level == "T0" else "P3").model_copy(
        update={"triggers": triggers, "duty": duty}
    )


def begun(level: str | None, duty: tuple[Staff, ...] | None = None) -> World:
    w = World(book_of(PACK), T)
    w.tell(lives.received(T))
    w.until(T + minutes(0.1))
    w.tell(triaged(level, duty))
    w.until(T + minutes(0.2))
    return w


def rungs(w: World) -> list[tuple[str, str]]:
    return [(r.action, r.to) for r in w.all(RungReached) if r.kind == "first_response"]


def test_t0_pages_the_lead_at_once_and_the_manager_after_half_an_hour() -> None:
    w = begun("T0")
    clock = w.case.clocks["first_response"]
    assert clock.due_at == T + minutes(30)
    assert rungs(w) == [("page", "lead")]
    pages = owed(w.case, OnCall("https://pager.example", "secret"))
    assert [(p.body["clock"], p.body["triggers"], p.body["to"]) for p in pages] == [("first_response", ["T0"], "lead")]
    assert [(p.body["duty_lead"], p.body["then"]) for p in pages] == [(None, [])], "nobody is on duty: the pager's own"
    w.until(T + minutes(31))
    assert rungs(w) == [("page", "lead"), ("page", "lead"), ("page", "manager")]
    assert [b.kind for b in w.all(SlaBreached)] == ["first_response"]


def test_the_page_names_the_duty_lead_then_the_next_then_nobody() -> None:
    w = begun("T0", LEADS)
    (page,) = owed(w.case, OnCall("https://pager.example", "secret"))
    assert page.body["duty_lead"] == LEADS[0].model_dump()
    assert [lead["id"] for lead in page.body["then"]] == ["bo"]
    (alert,) = owed(w.case, OnCall("https://pager.example", "secret", "alertmanager"))
    assert alert.body[0]["labels"]["duty_lead"] == "ada"
    w.until(T + minutes(31))
    named = [r.person.id if r.person else None for r in w.all(RungReached) if r.kind == "first_response"]
    assert named == ["ada", "bo", None]


def test_only_a_reached_call_ends_the_half_hour() -> None:
    w = begun("T0")
    w.until(T + minutes(5))
    w.tell(lives.letter("reply", T + minutes(5)))
    assert w.case.clocks["first_response"].state == "running"
    w.tell(lives.contact(T + minutes(9), outcome="no_answer"))
    assert w.case.clocks["first_response"].state == "running"
    w.tell(lives.contact(T + minutes(12)))
    assert w.case.clocks["first_response"].state == "met"
    w.until(T + minutes(60))
    assert rungs(w) == [("page", "lead")]


def test_t1_is_the_leads_within_the_hour_and_pages_nobody() -> None:
    w = begun("T1")
    assert w.case.clocks["first_response"].due_at == T + minutes(60)
    assert rungs(w) == [("notify", "lead")]


@pytest.mark.parametrize("level", ["T2", None])
def test_t2_and_none_page_nobody(level: str | None) -> None:
    w = begun(level)
    assert rungs(w) == []
    assert w.case.clocks["first_response"].due_at > T + minutes(60 * 24)


def test_a_page_says_no_customers_name() -> None:
    w = begun("T0")
    (alert,) = owed(w.case, OnCall("https://pager.example", "secret", "alertmanager"))
    assert alert.body[0]["labels"]["trigger"] == "T0"
    assert str(w.case.complaint_id) in str(alert.body)
