"""Made-up cases: what the gallery shows, and what every template is tried on when it is loaded."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid5

import yaml

from shared.events.common import Decision, Staff

from . import packs
from .letter import KINDS, Kind, Letter, LetterBlocked
from .lint import Finding, Report
from .model import Contact, Facts, LetterRow, letter_id
from .writer import FREE, Writer

_ID = UUID("6f0ad9e3-52f1-4a59-8f6d-0b7f8ad9c1a1")
DECIDED: tuple[Kind, ...] = ("resolution", "final")


@dataclass(frozen=True, slots=True)
class Specimen:
    """One letter with what it was made from: its kind and outcome; `short` is its form for text message and app."""

    kind: Kind
    outcome: str
    letter: Letter
    report: Report
    short: str


class Unfit(ValueError):
    """A template writes letters that the gate would stop: it must not be used."""


@packs.kept
def _data(language: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(packs.specimens(language).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise Unfit(f"{language}: specimens: {' '.join(str(problem).split())}") from None
    if not isinstance(found, dict):
        raise Unfit(f"{language}: specimens: not a mapping")
    return found


def languages() -> list[str]:
    """The languages that have specimens."""
    return packs.codes()


def now(language: str = "en") -> datetime:
    """The moment at which specimens are written."""
    return datetime.fromisoformat(_data(language)["now"])


def outcomes(language: str, kind: Kind) -> list[str]:
    """What a letter of this kind can say: for most kinds one thing, named by the empty word."""
    own = _data(language)
    return (
        list(own["decisions"])
        if kind == "resolution"
        else list(own["final"] if kind == "final" else own["inputs"][kind])
    )


def facts(language: Any, **other: Any) -> Facts:
    """The complaint of the specimens, with some things otherwise."""
    own = _data(language)
    values: dict[str, Any] = {
        "reference": "AM-7K2M9Q4T1C",
        "channel": "email",
        "language": language,
        "received_at": datetime.fromisoformat(own["received_at"]),
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


def case(language: Any, kind: Kind, outcome: str) -> Facts:
    """The complaint that a letter of this kind and outcome is about."""
    other: dict[str, Any] = {"asked_again": kind == "reopening"}
    if kind == "thanks":
        other["kind"] = outcome or "praise"
    if outcome == "question":
        other["kind"] = "question"
    if outcome == "undated" and kind == "acknowledgement":
        other["clocks"] = {}
    if outcome == "known":
        other["last_matter"] = "C3_network_defect"
    if kind == "final":
        other["stage"] = 2
    if kind in _data(language)["late_kinds"]:
        other["received_at"] = datetime.fromisoformat(_data(language)["long_ago"])
    return facts(language, **other)


def row(language: Any, kind: Kind, outcome: str | None = None) -> LetterRow:
    """A ledger row for a letter of this kind, with all that it needs; without an outcome the first of them."""
    own = _data(language)
    told = outcomes(language, kind)[0] if outcome is None else outcome
    handler = Staff(**own["handler"]).model_dump()
    if kind in DECIDED:
        chosen = told if kind == "resolution" else own["final"][told]["decision"]
        record = Decision.model_validate(own["decisions"][chosen]).model_dump(exclude_none=True)
        inputs: dict[str, Any] = {"decision": record, "deadlock": kind == "final" and told == "deadlock"}
    else:
        inputs = deepcopy(own["inputs"][kind][told])
    trigger = uuid5(_ID, f"{kind}{told}")
    return LetterRow(
        id=letter_id(trigger, kind, "complainant"), complaint_id=_ID, trigger=trigger, kind=kind, state="owed",
        language=language, automatic=kind not in FREE, inputs={**inputs, "handler": handler},
        address=own["person"]["email"],
    )  # fmt: skip


def kinds(writer: Writer, language: str) -> Iterator[tuple[Kind, str]]:
    """Every kind of letter and outcome that can be written in this language.

    Letters that tell rights are left out as long as the policy says none: they are held back until it does.
    """
    told = bool(writer.policy.rights.get(language))
    for kind in KINDS:
        if kind not in writer.languages[language].letters:
            continue  # left to another language
        if told or "right" not in writer.languages[language].letters[kind].lists:
            yield from ((kind, outcome) for outcome in outcomes(language, kind))


def gallery(writer: Writer, language: Any) -> Iterator[Specimen]:
    """Every kind of letter in one language in each outcome, as customers would read them."""
    for kind, outcome in kinds(writer, language):
        yield specimen(writer, kind, outcome, case(language, kind, outcome))


def specimen(writer: Writer, kind: Kind, outcome: str, about: Facts) -> Specimen:
    """One of them. Raises LetterBlocked when it cannot be written."""
    one = row(about.language, kind, outcome)
    letter = writer.write(one, about, now(), gate=False)
    report = writer.linter.letter(letter, writer.case(one, about))
    return Specimen(kind, outcome, letter, report, writer.short(one, about, now()))


def variations(language: Any) -> Iterator[Facts]:
    """Complaints that differ in what is on record: each sentence is needed with and without its data."""
    person = Contact(**_data(language)["person"])
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
            last_matter=("C2_repair_quality", "C3_network_defect", None)[n % 3],
        )  # fmt: skip


def try_out(writer: Writer, codes: Iterable[str] | None = None) -> int:
    """Write every kind of letter over generated values in these languages, or in all; the number written.

    Raises Unfit naming the template when one cannot be written, or when the gate stops it.
    """
    written = 0
    for language in codes or languages():
        for kind, outcome in kinds(writer, language):
            _try(writer, kind, outcome, case(language, kind, outcome))
            written += 1
        fixed = [k for k in dict.fromkeys(kind for kind, _ in kinds(writer, language)) if k not in FREE]
        for n, about in enumerate(variations(language)):
            for m, kind in enumerate(fixed):
                if (m + n + n // 3) % 3 == 0:  # each kind meets every value, though not every combination of values
                    _try(writer, kind, outcomes(language, kind)[0], about)
                    written += 1
    return written


def _try(writer: Writer, kind: Kind, outcome: str, about: Facts) -> None:
    what = f"{about.language}: {kind} {outcome}".strip()
    try:
        made = specimen(writer, kind, outcome, about)
    except LetterBlocked as blocked:
        raise Unfit(f"{what}: {blocked.reason}") from None
    if made.report.gate == "block":
        finding: Finding = made.report.findings[0]
        raise Unfit(f"{what}: rule {finding.rule}: {finding.message}")
