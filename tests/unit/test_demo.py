"""The demo's data fit the services that read them, and its checks notice what is missing."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from deploy.local.demo import checks, samples, story
from deploy.local.demo.evidence import QUERIES, Evidence, Told
from deploy.local.demo.handlers import STAFF
from services.escalation.checks import check as escalation_check
from services.notifier import policy as notifier_policy
from services.routing import policy as routing_policy
from services.routing.api.bodies import DecideIn, HandlerIn
from shared.calendars import load_calendars
from shared.spine.verify import Verdict

HERE = Path(story.__file__).parent
NAMED = {"mails": "outcome", "others": "kind", "calls": "outcome", "offers": "state", "clocks": "state"}


def plan() -> dict[str, Any]:
    return dict(yaml.safe_load((HERE / "plan.yaml").read_text("utf-8")))


def evidence(*events: Told, **rows: list[dict[str, Any]]) -> Evidence:
    nothing: dict[str, list[dict[str, Any]]] = {name: [] for name in QUERIES}
    numbers = {name: [{"n": 0}] for name in ("replays", "assigned", "escalated", "doubled_letters", "lost", "gap")}
    return Evidence(events, Verdict(), nothing | numbers | rows, [])


def told(type_: str, time: str, complaint: str = "a", **data: Any) -> Told:
    return Told(type_, complaint, time, data)


def test_the_services_take_the_demos_policies() -> None:
    pack = escalation_check((HERE / "policy.yaml").read_text("utf-8"), load_calendars())
    assert pack.pack == "house-tiered"
    assert routing_policy.load(HERE / "routing.yaml").offer_seconds.written < 15
    assert notifier_policy.load(HERE / "notifier.yaml").hold["delay_apology"] < 10


def test_routing_takes_the_staff_and_the_decisions() -> None:
    for body in STAFF.values():
        assert HandlerIn.model_validate(body)
    for decision in samples.decisions().values():
        assert DecideIn.model_validate(decision).record()


def test_the_plan_speaks_of_samples_that_are_decided_or_offered() -> None:
    records = {record["id"]: record for name in samples.FILES for record in samples.records(name)}
    named = {record for ids in plan().values() for record in ids} | {story.WITHDRAWN, story.HELD_BACK, *story.LAST}
    assert named <= records.keys()
    assert {*plan()["by"], *plan()["call"], *plan()["late"], *plan()["finish"]} <= samples.decisions().keys()
    assert set(plan()["by"].values()) <= STAFF.keys()
    assert not {story.WITHDRAWN, story.HELD_BACK} & samples.decisions().keys()


def test_everything_is_missing_when_nothing_happened() -> None:
    nothing = evidence()
    counts = checks.counted(nothing, seconds=1.0)
    gone = checks.missing(nothing, counts)
    assert checks.ELEMENTS.keys() <= set(gone)
    assert sum(what.startswith("a decision letter") for what in gone) == 8


def test_a_gap_or_a_loss_is_named() -> None:
    bad = evidence(lost=[{"n": 2}])
    bad.verdict.gaps = Counter({"routing": 1})
    gone = checks.missing(bad, checks.counted(bad, seconds=1.0))
    assert "lost is 2, not 0" in gone
    assert "sequence_gaps is 1, not 0" in gone


def test_an_offer_is_handed_on_only_to_somebody_else() -> None:
    first = told("complaint.offer-made.v1", "1", handler_id="anna")
    ended = told("complaint.offer-ended.v1", "2", handler_id="anna", outcome="declined")
    same = told("complaint.offer-made.v1", "3", handler_id="anna")
    other = told("complaint.offer-made.v1", "3", handler_id="bo")
    what = "an offer declined that went to the next handler"
    assert what in checks.missing(evidence(first, ended, same), checks.counted(evidence(), seconds=1.0))
    assert what not in checks.missing(evidence(first, ended, other), checks.counted(evidence(), seconds=1.0))


def test_top_customers_are_first_only_when_nobody_was_offered_before() -> None:
    def queue(top_offered: str) -> Evidence:
        events = []
        for number in range(6):
            name, tier = f"c{number}", "top" if number == 5 else "middle"
            events.append(told("complaint.received.v1", f"1{number}", name))
            events.append(told("complaint.triaged.v1", f"2{number}", name, tier=tier, language="en"))
            events.append(told("complaint.offer-made.v1", top_offered if tier == "top" else f"4{number}", name))
        return evidence(*sorted(events, key=lambda event: event.time))

    what = "a top customer served first under load"
    assert what not in checks.missing(queue("39"), checks.counted(evidence(), seconds=1.0))
    assert what in checks.missing(queue("44"), checks.counted(evidence(), seconds=1.0))


def test_counts_come_from_the_rows() -> None:
    rows = {name: [{column: "x", "n": 3}] for name, column in NAMED.items()}
    rows["clocks"] = [{"state": "met", "n": 5}, {"state": "running", "n": 9}]
    rows["mails"] = [{"outcome": "duplicate", "n": 1}, {"outcome": "bounce", "n": 2}]
    rows["letters"] = [
        {"kind": "resolution", "state": "sent", "language": "zh", "n": 4},
        {"kind": "resolution", "state": "sent", "language": "en", "n": 5},
        {"kind": "resolution", "state": "unknown", "language": "en", "n": 1},
    ]
    counts = checks.counted(evidence(**rows), seconds=2.5)
    assert counts["clocks"] == {"met": 5, "breached": 0, "retracted": 0}
    assert counts["duplicates_suppressed"] == 1
    assert counts["not_complaints"] == {"x": 3, "bounce": 2}
    assert counts["letters"] == {"resolution": 9}
    assert counts["unknown_sends"] == 1
