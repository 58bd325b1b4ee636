"""Looking at letters before they exist: preview from data that somebody gives, lint of text or structure."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from .letter import Kind, Letter, LetterBlocked, Paragraph, Part, Sentence
from .lint import Linter, Report
from .lint.rules import vocabulary
from .mime import html
from .model import Contact, Facts, LetterRow, letter_id
from .shapes import FindingOut, LetterIn, LintIn, PartOut, PreviewIn, PreviewOut, SentenceIn
from .sms import segments
from .writer import FREE, Writer

_PARTS: tuple[Part, ...] = (
    "cushion", "apology", "facts", "decisions", "remedy", "call_to_action", "rights", "body", "closing",
)  # fmt: skip
_CJK = re.compile(r"[㐀-鿿]")
_WORD = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ0-9][A-Za-zÀ-ɏͰ-ӿ0-9'’.,-]*")
ENGLISH_WORDS_PER_MINUTE, CHINESE_CHARACTERS_PER_MINUTE = 238, 375


def lint(linter: Linter, wanted: LintIn) -> Report:
    """Check what somebody wrote."""
    case = wanted.case.data()
    if wanted.letter is not None:
        return linter.letter(structured(wanted.letter, wanted.kind, wanted.language), case)
    return linter.text(wanted.text or "", wanted.language, wanted.kind, case)


def structured(given: LetterIn, kind: Kind, language: str) -> Letter:
    """A letter in structure as the linter reads it: one paragraph a part."""
    paragraphs = []
    joint = "" if vocabulary(language).characters else " "
    for part in _PARTS:
        sentences = tuple(_sentence(part, s) for s in getattr(given, part))
        if sentences:
            paragraphs.append(Paragraph(sentences, joint.join(s.text for s in sentences)))
    return Letter(
        kind, language, given.date or datetime.now(UTC).date(), given.subject, given.greeting, tuple(paragraphs),
        given.signatory,
    )  # fmt: skip


def _sentence(part: Part, given: str | SentenceIn) -> Sentence:
    if isinstance(given, str):
        return Sentence(part, given)
    return Sentence(part, given.text, issue=given.issue, decides=given.decides)


def preview(writer: Writer, wanted: PreviewIn) -> PreviewOut:
    """Write a letter from given data, with what the rules find in it. Nothing is kept."""
    now = wanted.date or datetime.now(UTC)
    return look(writer, _row(wanted, now), _facts(wanted, now), now)


def look(writer: Writer, row: LetterRow, facts: Facts, now: datetime) -> PreviewOut:
    """The letter of a row that is not kept, and what the rules find in it."""
    try:
        letter = writer.write(row, facts, now, gate=False)
    except LetterBlocked as blocked:
        return PreviewOut(
            subject="", text="", html="", parts=[], findings=[], gate="block", reading_seconds=0, missing=blocked.reason
        )
    report = writer.linter.letter(letter, writer.case(row, facts))
    try:
        short = writer.short(row, facts, now)
    except LetterBlocked:
        short = ""
    language = writer.languages[letter.language]
    return PreviewOut(
        subject=letter.subject,
        text=letter.text,
        html=html(letter.text, letter.subject, language.html_lang),
        parts=[PartOut(part=s.part, text=s.text) for s in letter.sentences],
        findings=[FindingOut(**f.as_json()) for f in report.findings],
        gate=report.gate,
        reading_seconds=reading_seconds(letter.text),
        opening_seconds=opening_seconds(letter),
        score=writer.linter.score(report, letter.kind),
        short=short,
        segments=segments(short) if short else 0,
    )


def reading_seconds(text: str) -> int:
    """How long a customer reads: 238 English words or 375 Chinese characters a minute."""
    characters = len(_CJK.findall(text))
    words = len(_WORD.findall(text))
    return round(60 * (characters / CHINESE_CHARACTERS_PER_MINUTE + words / ENGLISH_WORDS_PER_MINUTE))


def opening_seconds(letter: Letter) -> int:
    """How long until the customer knows what the letter is about: greeting and cushion."""
    return reading_seconds("\n".join([letter.greeting, *(s.text for s in letter.part("cushion"))]))


def _facts(wanted: PreviewIn, now: datetime) -> Facts:
    case = wanted.case
    known = case.model_dump(include={"name", "family_name", "given_name", "salutation", "email", "subject"})
    return Facts(
        reference=case.reference, kind=case.kind, channel=case.channel, language=wanted.language,
        received_at=case.received_at or now, trigger=uuid4(), customer_id=uuid4(),
        person=Contact(**known), wanted=case.wanted, order_ref=case.order_ref, tracking_url=case.tracking_url,
        clocks=case.clocks, stage=case.stage,
        handler=wanted.handler,
    )  # fmt: skip


def _row(wanted: PreviewIn, now: datetime) -> LetterRow:
    trigger: UUID = uuid4()
    inputs: dict[str, Any] = {
        "reopened_on": now.isoformat(),
        "withdrawn_on": now.isoformat(),
        **wanted.model_dump(include={"inputs"})["inputs"],
        "handler": wanted.handler.model_dump() if wanted.handler else None,
        "decision": wanted.decision.model_dump(exclude_none=True) if wanted.decision else None,
        "clock": wanted.clock,
    }
    for name, value in (("words", wanted.words), ("ask_by", wanted.ask_by), ("missed", wanted.missed)):
        if value is not None:
            inputs[name] = value if isinstance(value, str) else value.isoformat()
    return LetterRow(
        id=letter_id(trigger, wanted.kind, "complainant"), complaint_id=uuid4(), trigger=trigger, kind=wanted.kind,
        state="owed", language=wanted.language, automatic=wanted.kind not in FREE, inputs=inputs,
        address=wanted.case.email,
    )  # fmt: skip
