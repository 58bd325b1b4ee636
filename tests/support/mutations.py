"""One wrong step for every rule: what a hurried writer does to a good letter."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from services.notifier.letter import Commitment, Letter, Paragraph, Part, Sentence
from services.notifier.lint import CaseData, Earlier

Mutated = tuple[Letter, CaseData]
Mutator = Callable[[Letter, CaseData], Mutated]


@dataclass(frozen=True)
class Words:
    """The sentences that mutators put in, in one language."""

    says: dict[str, str]
    joint: str


def joined(letter: Letter, paragraphs: list[list[Sentence]], words: Words) -> Letter:
    """The letter with these sentences."""
    kept = [p for p in paragraphs if p]
    return replace(letter, paragraphs=tuple(Paragraph(tuple(p), words.joint.join(s.text for s in p)) for p in kept))


def lists(letter: Letter) -> list[list[Sentence]]:
    """The letter's sentences by paragraph."""
    return [list(p.sentences) for p in letter.paragraphs]


def put(rule: str, words: Words, part: Part = "facts", *, first: bool = False, last: bool = False) -> Mutator:
    """Put a bad sentence in: first of all, last of all, or as a paragraph after a part."""

    def mutate(letter: Letter, case: CaseData) -> Mutated:
        paragraphs = lists(letter)
        bad = Sentence(part, words.says[rule])
        if first:
            paragraphs.insert(0, [bad])
        elif last:
            paragraphs.append([bad])
        else:
            at = next((n for n in reversed(range(len(paragraphs))) if any(s.part == part for s in paragraphs[n])), 0)
            paragraphs.insert(at + 1, [bad])
        return joined(letter, paragraphs, words), case

    return mutate


def without(part: str, words: Words) -> Mutator:
    """Leave a part out."""

    def mutate(letter: Letter, case: CaseData) -> Mutated:
        return joined(letter, [[s for s in p if s.part != part] for p in lists(letter)], words), case

    return mutate


def told(change: Callable[[Sentence], Sentence | None], words: Words) -> Mutator:
    """Change each sentence, or leave it out."""

    def mutate(letter: Letter, case: CaseData) -> Mutated:
        return joined(letter, [[c for s in p if (c := change(s)) is not None] for p in lists(letter)], words), case

    return mutate


def beside(**other: object) -> Mutator:
    """Hold the letter beside another case."""
    return lambda letter, case: (letter, replace(case, **other))  # type: ignore[arg-type]


def remedy_first(words: Words) -> Mutator:
    """Put the cushion at the end."""

    def mutate(letter: Letter, case: CaseData) -> Mutated:
        paragraphs = lists(letter)
        return joined(letter, [*paragraphs[1:], paragraphs[0]], words), case

    return mutate


def other_words_earlier(letter: Letter, case: CaseData) -> Mutated:
    """An earlier letter promised more, and sooner."""
    early = date(2026, 6, 1)
    made = [c for c in letter.promises if c.kind == "remedy"]
    return letter, replace(case, earlier=tuple(Earlier(c.remedy_id, Decimal("999"), early) for c in made))


def on_a_sunday(words: Words) -> Mutator:
    """Promise the remedies for a Sunday."""

    def change(sentence: Sentence) -> Sentence:
        moved = tuple(_sunday(c) if c.kind == "remedy" else c for c in sentence.promises)
        return replace(sentence, promises=moved)

    return told(change, words)


def _sunday(commitment: Commitment) -> Commitment:
    day = date.fromisoformat(commitment.due[:10])
    return replace(commitment, due=(day + timedelta(days=6 - day.weekday())).isoformat())


def unrecorded(words: Words) -> Mutator:
    """Forget to record what is promised."""
    return told(lambda s: replace(s, promises=()), words)


def mutators(words: Words) -> dict[str, Mutator]:
    """A mutator for each rule."""
    plain = [
        "A12", "B1", "B3", "B4", "B5", "B6", "B8", "C1", "C2", "C3", "C8", "C9", "D3", "D4", "D5", "D6", "D7", "D9",
        "E1", "E2", "E3", "E4", "E5", "E6", "E7", "E10", "E11", "E12", "E13", "G5", "G6", "G9",
    ]  # fmt: skip
    found: dict[str, Mutator] = {rule: put(rule, words) for rule in plain}
    found |= {
        "A1": remedy_first(words),
        "A2": put("A2", words, "decisions", first=True),
        "A3": _all(without("cushion", words), put("A3", words, "cushion", first=True)),
        "A4": told(lambda s: None if "examined" in s.slots else s, words),
        "A5": _often(put("A5", words, "cushion"), 3),
        "A6": put("A6", words, "cushion", first=True),
        "A7": put("A7", words, "decisions"),
        "A8": told(lambda s: None if s.decides else s, words),
        "A9": _all(*(without(part, words) for part in ("remedy", "apology", "rights", "call_to_action"))),
        "A10": put("A10", words, "closing", last=True),
        "A11": _often(put("A11", words, "call_to_action"), 3),
        "B2": told(lambda s: replace(s, text=_blank(s.text)), words),
        "B7": beside(issues={"forgotten": "the broken lamp"}),
        "B9": other_words_earlier,
        "C4": without("call_to_action", words),
        "C5": beside(amounts=frozenset({Decimal("0.01")})),
        "C6": on_a_sunday(words),
        "C7": unrecorded(words),
        "C10": _all(put("C10", words, "call_to_action"), beside(holds=frozenset({"order_ref"}))),
        "D1": _often(put("D1", words), 60),
        "D2": put("D2", words, "body", first=True),
        "D8": _crowded(words),
        "D10": put("D10", words),
        "E8": told(lambda s: None if s.part == "apology" else s, words),
        "E9": _every_issue("E9", words),
        "G1": lambda letter, case: (replace(letter, greeting=words.says["G1"]), case),
        "G2": lambda letter, case: (replace(letter, greeting=words.says["G2"]), replace(case, titles=frozenset())),
        "G3": lambda letter, case: (replace(letter, signatory=words.says["G3"]), case),
        "G4": beside(written_in="en" if words.joint == "" else "zh"),
        "G7": without("rights", words),
        "G8": _all(without("apology", words), beside(late=True)),
        "G10": beside(formats=True),
        "G11": beside(recipient="somebody@else.example", contacts=frozenset({"lina@example.org"})),
    }
    return found


def _all(*steps: Mutator) -> Mutator:
    def mutate(letter: Letter, case: CaseData) -> Mutated:
        for step in steps:
            letter, case = step(letter, case)
        return letter, case

    return mutate


def _often(step: Mutator, times: int) -> Mutator:
    return _all(*[step] * times)


def _crowded(words: Words) -> Mutator:
    """Put six more sentences into one paragraph."""

    def mutate(letter: Letter, case: CaseData) -> Mutated:
        paragraphs = lists(letter)
        paragraphs[-1] += [Sentence("facts", words.says["D8"])] * 6
        return joined(letter, paragraphs, words), case

    return mutate


def _every_issue(rule: str, words: Words) -> Mutator:
    """Admit a fault on every point that was not upheld."""

    def mutate(letter: Letter, case: CaseData) -> Mutated:
        refused = [i for i, f in (case.findings or {}).items() if f not in ("substantiated", "partly")]
        paragraphs = lists(letter)
        paragraphs[-1] = [*(Sentence("facts", words.says[rule], issue=i) for i in refused), *paragraphs[-1]]
        return joined(letter, paragraphs, words), case

    return mutate


def _blank(text: str) -> str:
    return "".join("" if c.isdigit() else c for c in text)
