"""Made-up cases: what the gallery shows, and what every template is tried on when it is loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any
from uuid import UUID, uuid5

import yaml

from shared.events.common import Decision, Staff

from .letter import KINDS, Kind, Letter, LetterBlocked
from .lint import Finding, Report
from .model import Contact, Facts, LetterRow, letter_id
from .writer import FREE, Writer

_ID = UUID("6f0ad9e3-52f1-4a59-8f6d-0b7f8ad9c1a1")
OUTCOMES = ("upheld", "partly", "alternative", "nothing")


@dataclass(frozen=True, slots=True)
class Specimen:
    """One letter with what it was made from: its kind, and for a resolution the outcome."""

    kind: Kind
    outcome: str
    letter: Letter
    report: Report


class Unfit(ValueError):
    """A template writes letters that the gate would stop: it must not be used."""


@cache
def _data() -> Any:
    path = files("services.notifier") / "data" / "specimens.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def now() -> datetime:
    """The moment at which specimens are written."""
    return datetime.fromisoformat(_data()["now"])


def facts(language: Any, **other: Any) -> Facts:
    """The complaint of the specimens, with some things otherwise."""
    own = _data()["languages"][language]
    values: dict[str, Any] = {
        "reference": "AM-7K2M9Q4T1C",
        "channel": "email",
        "language": language,
        "received_at": datetime.fromisoformat(_data()["received_at"]),
        "trigger": uuid5(_ID, "trigger"),
        "customer_id": uuid5(_ID, "customer"),
        "person": Contact(**own["person"]),
        "wanted": "refund",
        "handler": Staff(**own["handler"]),
        "clocks": {"decision": now() + timedelta(days=6), "next_update": now() + timedelta(days=2)},
        "clocks_known": True,
        "tracking_url": "https://amends.example/track/AM-7K2M9Q4T1C",
    }
    return Facts(**{**values, **other})


def row(language: Any, kind: Kind, outcome: str = "") -> LetterRow:
    """A ledger row for a letter of this kind, with all that it needs."""
    own, at = _data()["languages"][language], now()
    handler = Staff(**own["handler"]).model_dump()
    inputs: dict[str, Any] = {
        "progress": {"chased_on": at.isoformat()},
        "information_request": {"words": own["request"], "handler": handler, "ask_by": (at + timedelta(7)).isoformat()},
        "reply": {"words": own["reply"], "handler": handler},
        "delay_apology": {"clock": "decision", "missed": (at - timedelta(1)).isoformat(), "clock_id": str(_ID)},
        "reopening": {"reopened_on": at.isoformat()},
        "withdrawal_confirmation": {"withdrawn_on": at.isoformat(), "by": "customer"},
    }.get(kind, {})
    if kind == "resolution":
        record = Decision.model_validate(own["decisions"][outcome]).model_dump(exclude_none=True)
        inputs = {"decision": record, "handler": handler}
    trigger = uuid5(_ID, f"{kind}{outcome}")
    return LetterRow(
        id=letter_id(trigger, kind, "complainant"), complaint_id=_ID, trigger=trigger, kind=kind, state="owed",
        language=language, automatic=kind not in FREE, inputs=inputs, address=own["person"]["email"],
    )  # fmt: skip


def languages() -> list[str]:
    """The languages that have specimens."""
    return list(_data()["languages"])


def gallery(writer: Writer, language: Any) -> Iterator[Specimen]:
    """Every kind of letter in one language, resolutions in each outcome, as customers would read them."""
    for kind in KINDS:
        for outcome in OUTCOMES if kind == "resolution" else ("",):
            case = facts(language, kind="praise" if kind == "thanks" else "complaint", asked_again=True)
            yield _specimen(writer, kind, outcome, case)


def _specimen(writer: Writer, kind: Kind, outcome: str, case: Facts) -> Specimen:
    one = row(case.language, kind, outcome)
    letter = writer.write(one, case, now())
    report = writer.linter.letter(letter, writer.case(one, case))
    return Specimen(kind, outcome, letter, report)


def variations(language: Any) -> Iterator[Facts]:
    """Complaints that differ in what is on record: each sentence is needed with and without its data."""
    person = Contact(**_data()["languages"][language]["person"])
    people = (person, Contact(email=person.email), person.model_copy(update={"salutation": None, "subject": None}))
    channels = ("letter", "email", "web", "hotline", "counter", "app", "chat", "social")
    clocks: tuple[dict[str, datetime], ...] = (
        {"decision": now() + timedelta(days=400)},
        {"final_response": now() + timedelta(hours=2), "next_update": now() + timedelta(hours=1)},
        {},
    )
    for n, (one, wanted, due) in enumerate(product(people, ("refund", None), clocks)):
        bare = n % 2
        handler, url = (None, None) if bare else (facts(language).handler, facts(language).tracking_url)
        yield facts(
            language, person=one, wanted=wanted, clocks=due, channel=channels[n % len(channels)],
            handler=handler, tracking_url=url, stage=1 + bare, asked_again=not bare,
            kind=("complaint", "question", "praise", "suggestion")[n % 4],
        )  # fmt: skip


def try_out(writer: Writer) -> int:
    """Write every kind of letter over generated values in every language; the number written.

    Raises Unfit naming the template when the gate stops one.
    """
    written = 0
    for language in languages():
        for specimen in gallery(writer, language):
            _fit(specimen.report, f"{language}: {specimen.kind} {specimen.outcome}")
            written += 1
        for case in variations(language):
            for kind in KINDS:
                if kind not in FREE:
                    try:
                        specimen = _specimen(writer, kind, "", case)
                    except LetterBlocked as blocked:
                        raise Unfit(f"{language}: {kind}: {blocked.reason}") from None
                    _fit(specimen.report, f"{language}: {kind}")
                    written += 1
    return written


def _fit(report: Report, what: str) -> None:
    if report.gate == "block":
        finding: Finding = report.findings[0]
        raise Unfit(f"{what}: rule {finding.rule}: {finding.message}")
