"""demo.json from the evidence, and the names of everything that the story should contain and does not."""

from collections.abc import Callable, Iterator
from typing import Any

from . import samples
from .evidence import Evidence, Told

NOT_COMPLAINTS = ("auto_reply", "bounce", "spam", "quarantined", "reply", "chase")
SETTLED = ("discarded", "handled")
ZERO = ("sequence_gaps", "parked_left", "lost", "doubled")
LANGUAGES = ("zh", "en")


def counted(found: Evidence, *, seconds: float) -> dict[str, Any]:
    """The document that the contract describes."""
    mails, calls = found.by("mails", "outcome"), found.by("calls", "outcome")
    offers, clocks = found.by("offers", "state"), found.by("clocks", "state")
    others = found.by("others", "kind") | {kind: mails[kind] for kind in NOT_COMPLAINTS if kind in mails}
    sent = _letters(found, "sent")
    parked = sum(int(row["n"]) for row in found.rows["parked"])
    return {
        "accepted": found.by("accepted", "channel"),
        "duplicates_suppressed": found.count("replays") + mails.get("duplicate", 0),
        "not_complaints": others | ({"abandoned": calls["abandoned"]} if "abandoned" in calls else {}),
        "acknowledged": sent.get("acknowledgement", 0),
        "assigned": found.count("assigned"),
        "declined_or_expired_offers": offers.get("declined", 0) + offers.get("expired", 0),
        "decided": {name: sum(1 for _ in _decided(found, name)) for name in ("upheld", "partly", "not_upheld")},
        "clocks": {
            "met": clocks.get("met", 0),
            "breached": clocks.get("breached", 0),
            "retracted": sum(1 for _ in found.of("sla.breach-retracted.v1")),
        },
        "escalated": found.count("escalated"),
        "letters": sent,
        "mails_caught": len(found.mails),
        "unknown_sends": sum(_letters(found, "unknown").values()),
        "events": sum(found.verdict.events.values()),
        "sequence_gaps": sum(found.verdict.gaps.values()) + sum(found.verdict.out_of_order.values()),
        "without_address": sum(_letters(found, "no_address").values()),
        "parked_seen": parked,
        "parked_left": sum(
            int(row["n"]) for row in found.rows["parked"] if row["state"] not in ("discarded", "handled")
        ),
        "lost": found.count("lost") + found.count("gap"),
        "doubled": found.count("doubled_letters") + _doubled_mails(found) + _doubled_events(found),
        "seconds": seconds,
    }


def _letters(found: Evidence, state: str) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for row in found.rows["letters"]:
        if row["state"] == state:
            kinds[row["kind"]] = kinds.get(row["kind"], 0) + int(row["n"])
    return kinds


def _doubled_mails(found: Evidence) -> int:
    ids = [mail["message_id"] for mail in found.mails]
    return len(ids) - len(set(ids))


def _doubled_events(found: Evidence) -> int:
    triaged = [event.complaint for event in found.of("complaint.triaged.v1")]
    return len(triaged) - len(set(triaged))


def _decided(found: Evidence, overall: str) -> Iterator[Told]:
    return found.of("complaint.decided.v1", overall=overall)


def missing(found: Evidence, counts: dict[str, Any]) -> list[str]:
    """What the story should contain and the evidence does not show."""
    gone = [name for name, there in ELEMENTS.items() if not there(found, counts)]
    for overall, alternative in (("upheld", None), ("partly", None), ("not_upheld", True), ("not_upheld", False)):
        for language in LANGUAGES:
            if not any(_told(found, event, language, alternative) for event in _decided(found, overall)):
                kind = {None: "", True: " with an alternative", False: " without an alternative"}[alternative]
                gone.append(f"a decision letter: {overall}{kind} ({language})")
    gone += [
        f"{name} is {counts[name]}, not 0"
        for name in ("sequence_gaps", "parked_left", "lost", "doubled")
        if counts[name]
    ]
    return gone


def _told(found: Evidence, decided: Told, language: str, alternative: bool | None) -> bool:
    """Whether this decision has an alternative (or none) and its letter went out in this language."""
    if alternative is not None and bool(decided.data.get("remedies")) != alternative:
        return False
    decision = decided.data["decision_id"]
    letters = found.of("letter.sent.v1", kind="resolution", language=language, decision_id=decision)
    return any(True for _ in letters)


def _handed_on(found: Evidence, outcome: str) -> bool:
    """An offer that ended so, and a later one of the same complaint to somebody else."""
    made = list(found.of("complaint.offer-made.v1"))
    for ended in found.of("complaint.offer-ended.v1", outcome=outcome):
        handler = ended.data["handler_id"]
        later = [m for m in made if m.complaint == ended.complaint and m.time >= ended.time]
        if any(m.data["handler_id"] != handler for m in later):
            return True
    return False


def _top_first(found: Evidence) -> bool:
    """A top customer's complaint that came when others of its language waited was offered before all ordinary ones."""
    triaged = {event.complaint: event for event in found.of("complaint.triaged.v1")}
    received = {event.complaint: event.time for event in found.of("complaint.received.v1")}
    offered: dict[str, str] = {}
    for event in found.of("complaint.offer-made.v1"):
        offered.setdefault(event.complaint, event.time)
    ordinary = [c for c, event in triaged.items() if c in offered and _is_ordinary(event)]
    for top, event in triaged.items():
        if event.data["tier"] != "top" or top not in offered:
            continue
        same = [c for c in ordinary if triaged[c].data["language"] == event.data["language"]]
        waiting = [c for c in same if received[c] < received[top]]
        if len(waiting) >= 5 and all(offered[c] >= offered[top] for c in same):
            return True
    return False


def _is_ordinary(triaged: Told) -> bool:
    levels = {trigger["level"] for trigger in triaged.data.get("triggers", ())}
    return triaged.data["tier"] != "top" and not triaged.data.get("vulnerable") and not levels & {"T0", "T1"}


def _late_and_sorry(found: Evidence) -> bool:
    """One complaint with a missed clock, a rung that reached the lead, and a letter that apologises for the delay."""
    breached = {event.complaint for event in found.of("sla.breached.v1")}
    lead = {event.complaint for event in found.of("sla.rung-reached.v1", to="lead")}
    sorry = {event.complaint for event in found.of("letter.sent.v1", kind="delay_apology")}
    return bool(breached & lead & sorry)


def _golden(found: Evidence, record: str, address: str) -> bool:
    """The golden letter as it was caught: every fact of its decision stands in it."""
    facts = [fact["text"] for issue in samples.decisions()[record]["issues"] for fact in issue["facts"]]
    texts = ["".join(mail["text"].split()) for mail in found.mails if address in mail["to"]]
    return any(all("".join(fact.split()) in text for fact in facts) for text in texts)


def _event(type_: str, **fields: Any) -> Callable[[Evidence, dict[str, Any]], bool]:
    return lambda found, _: any(True for _ in found.of(type_, **fields))


# Element of the story → whether the evidence shows it.
ELEMENTS: dict[str, Callable[[Evidence, dict[str, Any]], bool]] = {
    "an idempotent replay": lambda found, _: found.count("replays") > 0,
    "a duplicate mail": lambda found, _: found.by("mails", "outcome").get("duplicate", 0) > 0,
    "a customer's reply joined to its complaint": lambda found, _: any(
        event.data.get("answers_letter") for event in found.of("complaint.customer-replied.v1")
    ),
    "an offer declined that went to the next handler": lambda found, _: _handed_on(found, "declined"),
    "an offer expired that went to the next handler": lambda found, _: _handed_on(found, "expired"),
    "a top customer served first under load": lambda found, _: _top_first(found),
    "a clock that warns": _event("sla.warning.v1"),
    "a missed clock, the lead's rung, the delay apology": lambda found, _: _late_and_sorry(found),
    "a contact": _event("complaint.contact-made.v1", outcome="reached"),
    "a remedy carried out": _event("complaint.remedy-carried-out.v1"),
    "a closed case": _event("complaint.closed.v1"),
    "a reopening": _event("complaint.reopened.v1"),
    "a withdrawal": _event("complaint.withdrawn.v1"),
    "an undecodable record, discarded with a reason": lambda found, _: any(
        row["state"] == "discarded" and row["released_reason"] for row in found.rows["parked"]
    ),
    "the golden letter in Chinese": lambda found, _: _golden(found, "zh-01", "lina@example.com"),
    "the golden letter in English": lambda found, _: _golden(found, "en-01", "li.na@example.org"),
    "the acknowledgements": lambda found, counts: counts["acknowledged"] > 0.8 * sum(counts["accepted"].values()),
    "the assignments": lambda found, counts: counts["assigned"] > 0.9 * sum(counts["accepted"].values()),
}
