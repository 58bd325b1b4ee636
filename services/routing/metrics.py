"""What routing counts for good, shows of its cases and people, and measures of its rounds."""

from typing import get_args

from shared.base.measures import counter, histogram
from shared.events.common import Cause, Overall
from shared.events.routing import ComplaintClosed, ContactMade, OfferEnded
from shared.spine.figures import State, Total

from .model import Presence
from .states import OPEN
from .states import State as CaseState

TIERS = ("top", "high", "middle", "low")
AGES = ("1h", "4h", "1d", "3d", "10d", "older")
# Sixteen states are too many for a panel: what matters is whose turn it is.
STAGES = ("unassigned", "working", "customer", "department", "answered")
_STAGE_OF: dict[str, str] = {
    **dict.fromkeys(("waiting", "offered", "disputed"), "unassigned"),
    **dict.fromkeys(("assigned", "reopened", "stage2"), "working"),
    "waiting_customer": "customer",
    "waiting_enquiry": "department",
    **dict.fromkeys(("decided", "communicated", "resolved", "final"), "answered"),
}
ROUTED_OUTCOMES = ("offered", "matched", "unroutable")
_YES_NO = ("yes", "no")


def _values(model: type, field: str) -> tuple[str, ...]:
    return get_args(model.model_fields[field].annotation)  # type: ignore[attr-defined]


ROUND_SECONDS = histogram(
    "amends_route_round_seconds", "Python time of a round's matching",
    answers="Does matching keep up with the number of waiting cases?",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1),
)  # fmt: skip
ROUTED = counter(
    "amends_routed_total", "Cases that a round offered to somebody, gave to somebody (matched), or found nobody for",
    labels={"queue": (), "outcome": ()}, answers="Do complaints find their people, and in which queue do they not?",
)  # fmt: skip
ROUTE_SECONDS = histogram(
    "amends_route_seconds", "From the moment a case began to wait to its offer or assignment",
    answers="How long does a complaint wait before somebody is asked?",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14400, 86400),
)  # fmt: skip

DECISIONS = Total(
    "amends_decisions_total", "Decisions by overall outcome; stage 2 is the second look by another person",
    {"overall": get_args(Overall), "stage": ("1", "2")}, answers="How often are customers right?",
)  # fmt: skip
SECOND_LOOKS = Total(
    "amends_second_looks_total", "Decisions of the second stage; overturned: the outcome is another one than before",
    {"result": ("overturned", "confirmed")},
    answers="Are complaints turned down too easily? Stands beside the share that is not upheld.",
)  # fmt: skip
RESOLVED = Total(
    "amends_resolved_total",
    "Cases that were resolved for the first time, by whether at most one contact had been made by then",
    {"first_contact": _YES_NO}, answers="How often does one contact look enough, before thirty days show it?",
)  # fmt: skip
CONTACTS = Total(
    "amends_contacts_total", "Contacts with customers; confirmed: the customer said that the matter is resolved",
    {"outcome": _values(ContactMade, "outcome"), "confirmed": _YES_NO},
    answers="Do we reach customers, and do they say it is resolved? Stands beside first-contact resolution.",
)  # fmt: skip
CLOSED = Total(
    "amends_closed_total", "Closed cases by reason", {"reason": _values(ComplaintClosed, "reason")},
    answers="Are cases closed because they are settled, or because customers gave up?",
)  # fmt: skip
REOPENED = Total(
    "amends_reopened_total", "Cases that were opened again", {"by": ("customer", "staff")},
    answers="How often was closed not settled? Stands beside the number of closed cases.",
)  # fmt: skip
OFFERS = Total(
    "amends_offers_total", "Offers by how they ended", {"outcome": _values(OfferEnded, "outcome")},
    answers="Do handlers take what they are offered?",
)  # fmt: skip
OFFERS_BY_CAUSE = Total(
    "amends_offers_answered_total", "Offers that were accepted or declined, by the cause of the complaint",
    {"cause": get_args(Cause), "outcome": ("accepted", "declined")},
    answers="What do handlers decline, and do they lack the skill for it?",
)  # fmt: skip

OPEN_CASES = State(
    "amends_open", "Open complaints by tier, whose turn it is, and age since receipt",
    {"tier": TIERS, "state": STAGES, "age": AGES}, answers="How much is open, with whom, and since when?",
)  # fmt: skip
OLDEST_UNASSIGNED = State(
    "amends_oldest_unassigned_timestamp_seconds", "Since when the complaint that waits longest for a handler waits",
    {"tier": TIERS}, answers="Does anybody wait without an owner?", moment=True,
)  # fmt: skip
UNROUTABLE = State(
    "amends_unroutable", "Cases that nobody can take, by queue",
    {"queue": ()}, answers="Does anybody wait for whom there is nobody?",
)  # fmt: skip
FIRST_CONTACT = State(
    "amends_first_contact_cases",
    "Cases that customers called resolved in the last 60 days: pending while thirty days are not over, then yes when "
    "it took one contact at most and none on the matter followed",
    {"result": ("yes", "no", "pending")},
    answers="Does one contact settle it, for good? Stands beside what customers say about the outcome.",
)  # fmt: skip
HANDLERS = State(
    "amends_handlers", "Handlers by presence", {"presence": get_args(Presence)}, answers="Who is there to work?",
)  # fmt: skip
PLACES = State(
    "amends_places", "Places for cases: taken, and those that handlers who are present have",
    {"use": ("taken", "present")}, answers="Is there room for the next complaint?",
)  # fmt: skip


def stage_of(state: CaseState) -> str:
    """Whose turn it is in an open state."""
    return _STAGE_OF[state]


assert set(_STAGE_OF) == set(OPEN)
