"""Letters as customers read them: the golden ones word for word, and what is never left as a hole."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.compose import compose
from services.notifier.context import Context
from services.notifier.decided import tell
from services.notifier.desk import preview
from services.notifier.inputs import own_words
from services.notifier.language import LanguageError
from services.notifier.letter import KINDS, Letter, MissingField
from services.notifier.lint import CaseData, Linter
from services.notifier.model import Contact, Facts
from services.notifier.record import case_data
from services.notifier.shapes import PreviewIn
from services.notifier.writer import Writer
from shared.events.common import Decision, Staff

GOLDEN = Path(__file__).parents[1] / "golden" / "letters"
GOLDEN_LETTERS = sorted(p.stem for p in GOLDEN.glob("*.txt"))
WRITER = Writer(languages.load_all(), policy.load(None), Linter())


def case_of(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text(encoding="utf-8"))
    return document


def composed(document: dict[str, Any]) -> Letter:
    """The letter of a golden case."""
    facts = Facts(trigger=uuid4(), customer_id=uuid4(), **document["case"])
    language = WRITER.languages[facts.language]
    context, now = Context(language, WRITER.policy), datetime.fromisoformat(document["now"])
    scope = context.case(facts, now)
    tell(context, scope, Decision.model_validate(document["decision"]), Staff(**document["handler"]))
    return compose("resolution", language, scope, context.today(now))


@pytest.mark.parametrize("name", GOLDEN_LETTERS)
def test_golden_letters_come_out_word_for_word(name: str) -> None:
    assert composed(case_of(name)).text == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GOLDEN_LETTERS)
def test_golden_letters_are_clean_in_structure_and_as_text(name: str) -> None:
    document = case_of(name)
    letter, decision = composed(document), Decision.model_validate(document["decision"])
    case = case_data(decision, Staff(**document["handler"]), holds=["name", "email"])
    assert Linter().letter(letter, case).findings == ()
    assert Linter().text(letter.text, letter.language, "resolution").findings == ()


def test_every_kind_in_every_language_passes_the_gate_over_generated_values() -> None:
    assert specimens.try_out(WRITER) > 200


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_sentence_knows_what_it_states_and_every_date_is_promised(language: str) -> None:
    letters = {(s.kind, s.outcome): s.letter for s in specimens.gallery(WRITER, language)}
    assert {kind for kind, _ in letters} == set(KINDS)
    acknowledgement = letters["acknowledgement", "dated"]
    assert [p.kind for p in acknowledgement.promises] == ["date", "update"]
    assert acknowledgement.promises[0].due == specimens.facts(language).clocks["decision"].isoformat()
    partly = letters["resolution", "partly"]
    assert [(p.remedy_id, p.amount) for p in partly.promises] == [("r1", None), ("r2", "20")]
    assert partly.promises[1].due.startswith("2026-06-16T00:00:00")  # the end of Monday 15 June where the customer is
    for letter in letters.values():
        for sentence in letter.sentences:
            for name, value in sentence.slots.items():
                if isinstance(value, str) and name not in ("words", "who", "Who", "me"):
                    assert value in letter.text or value[:1].lower() + value[1:] in letter.text, (letter.kind, name)


def without(document: dict[str, Any], *path: Any) -> dict[str, Any]:
    """The document with one thing taken away."""
    inner: Any = document
    for key in path[:-1]:
        inner = inner[key]
    if isinstance(inner[path[-1]], list):
        inner[path[-1]] = []
    else:
        del inner[path[-1]]
    return document


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (("decision", "examined"), "examined"),
        (("decision", "issues", 1, "apology"), "issues[1].apology"),
        (("decision", "issues", 0, "facts"), "issues[0].facts"),
        (("decision", "remedies", 1, "currency"), "remedies[1].currency"),
        (("decision", "remedies", 1, "amount"), "remedies[1].amount"),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_missing_is_named_and_there_is_no_letter(path: tuple[Any, ...], named: str, language: str) -> None:
    document = without(case_of(f"refund-refused.{language}"), *path)
    if path[-1] == "amount":
        document["decision"]["remedies"][1].pop("item")
    with pytest.raises(MissingField) as missing:
        composed(document)
    assert missing.value.field.startswith(named.rpartition(".")[0])


@pytest.mark.parametrize(
    ("language", "person", "greeting"),
    [
        ("zh", {"name": "李娜", "salutation": "女士"}, "李娜女士："),
        ("zh", {"name": "李娜"}, "李娜您好："),
        ("zh", {"family_name": "李", "given_name": "娜"}, "李娜您好："),
        ("zh", {"salutation": "女士"}, "您好："),
        ("zh", {}, "您好："),
        ("en", {"name": "Li Na"}, "Dear Li Na,"),
        ("en", {"name": "Li Na", "salutation": "Ms", "family_name": "Li"}, "Dear Ms Li,"),
        ("en", {"name": "Li Na", "salutation": "Dr"}, "Dear Dr Li Na,"),
        ("en", {"name": "Li Na", "salutation": "Supreme Leader"}, "Dear Li Na,"),
        ("en", {"given_name": "Na"}, "Hello,"),
        ("en", {}, "Hello,"),
    ],
)
def test_the_greeting_is_as_recorded_and_nothing_is_guessed(language: str, person: Any, greeting: str) -> None:
    facts = specimens.facts(language, person=Contact(email="lina@example.org", **person))
    letter = WRITER.write(specimens.row(language, "acknowledgement"), facts, specimens.now())
    assert letter.greeting == greeting
    assert "AM-7K2M9Q4T1C" in letter.text


def test_dates_say_no_more_than_needed() -> None:
    now = specimens.now()
    due = {"decision": now.replace(hour=9)}
    today = WRITER.write(specimens.row("en", "acknowledgement"), specimens.facts("en", clocks=due), now)
    assert "by 10:30 on Tuesday 9 June" in today.text  # a promise within the day needs its hour, in local time
    far = {"decision": now + timedelta(days=400)}
    letter = WRITER.write(specimens.row("en", "acknowledgement"), specimens.facts("en", clocks=far), now)
    assert "by Wednesday 14 July 2027" in letter.text
    # Midnight belongs to the day before: what is due when the 16th begins is promised for the 15th.
    midnight = {"decision": datetime.fromisoformat("2026-06-15T16:00:00Z")}
    letter = WRITER.write(specimens.row("zh", "acknowledgement"), specimens.facts("zh", clocks=midnight), now)
    assert "6月15日（周一）前" in letter.text


@pytest.mark.parametrize(
    "subject", ["Re: Refund for order 12345678", "Fill in {name}", "x" * 90, "mail me@example.org"]
)
def test_a_subject_that_cannot_be_quoted_is_left_out(subject: str) -> None:
    person = specimens.facts("en").person.model_copy(update={"subject": subject})
    letter = WRITER.write(
        specimens.row("en", "acknowledgement"), specimens.facts("en", person=person, wanted=None), specimens.now()
    )
    assert subject not in letter.text
    assert "“" not in letter.text


def test_a_persons_words_keep_one_greeting() -> None:
    assert own_words("Dear Li Na,\n\nYour invoice is here.\n", "en") == "Your invoice is here."
    assert own_words("您好！\n发票已经寄出。", "zh") == "发票已经寄出。"
    assert own_words("Your invoice is here.", "en") == "Your invoice is here."


def test_every_outcome_reads_from_start_to_end_in_both_languages() -> None:
    english = {s.outcome: s.letter.text for s in specimens.gallery(WRITER, "en") if s.kind == "resolution"}
    assert "We uphold your complaint about the late fee" in english["upheld"]
    assert "That was our mistake, and I am sorry for" in english["upheld"]
    assert "we do not uphold your complaint about the early termination fee" in english["alternative"]
    assert "I know that this is not the answer you hoped for." in english["nothing"]
    assert "our mistake" not in english["alternative"] + english["nothing"]
    chinese = {s.outcome: s.letter.text for s in specimens.gallery(WRITER, "zh") if s.kind == "resolution"}
    assert "我们核实后确认属实" in chinese["upheld"]
    assert "我知道这不是您期待的答复" in chinese["nothing"]
    assert "失误" not in chinese["alternative"] + chinese["nothing"]


def test_a_second_language_file_needs_no_code_and_a_wrong_one_says_where() -> None:
    raw = dict(WRITER.languages["en"].raw)
    french = languages.parse({**raw, "language": "fr", "name": "Français"}, "fr.yaml")
    assert french.code == "fr"
    for broken, message in [
        ({**raw, "letters": {}}, "no letter for"),
        ({**raw, "sentences": {**raw["sentences"], "thanks": {"part": "nowhere", "say": "x"}}}, "part must be one of"),
        ({**raw, "sentences": {**raw["sentences"], "thanks": {"part": "closing", "say": "{a.b.c}"}}}, "is no datum"),
        ({**raw, "sentences": {**raw["sentences"], "thanks": {"part": "closing", "say": "{0}"}}}, "is no datum"),
        ({k: v for k, v in raw.items() if k != "greetings"}, "'greetings' is missing"),
    ]:
        with pytest.raises(LanguageError, match=message):
            languages.parse(broken, "fr.yaml")


def test_a_template_that_writes_badly_is_refused_when_it_is_loaded() -> None:
    raw = dict(WRITER.languages["en"].raw)
    sentences = {**raw["sentences"], "thanks": {"part": "closing", "say": "We will reply as soon as possible."}}
    bad = languages.parse({**raw, "sentences": sentences}, "en.yaml")
    with pytest.raises(specimens.Unfit, match="C2"):
        specimens.try_out(Writer({**WRITER.languages, "en": bad}, WRITER.policy, Linter()))


def test_preview_takes_the_decision_as_the_desk_sends_it() -> None:
    document = case_of("refund-refused.en")
    decision = document["decision"]
    for remedy in decision["remedies"]:
        remedy["class"] = remedy.pop("remedy_class")
    decision["issues"][1]["apology"] = {"kind": "responsibility", "for": "answering four days late"}
    wanted = {
        "kind": "resolution", "language": "en", "handler": document["handler"],
        "decision": {**decision, "cause": "C6_policy_disagreement"}, "date": document["now"],
        "case": {
            "reference": "AM-7K2M9Q4T1C", "channel": "letter", "received_at": "2026-06-03T09:12:00Z", "name": "Li Na",
            "wanted": "refund",
        },
    }  # fmt: skip
    shown = preview(WRITER, PreviewIn.model_validate(wanted))
    assert shown.text == (GOLDEN / "refund-refused.en.txt").read_text(encoding="utf-8")
    assert shown.gate == "pass"
    assert [p.part for p in shown.parts][:2] == ["cushion", "cushion"]
    assert 40 <= shown.reading_seconds <= 75
    assert '<html lang="en">' in shown.html
    missing = preview(WRITER, PreviewIn.model_validate({**wanted, "decision": None}))
    assert (missing.missing, missing.gate, missing.text) == ("missing: decision", "block", "")


def test_a_wrong_policy_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    for text, message in [
        ("house: {en: {name: A, contact: B, timezone: Mars/Olympus}}", "time zone"),
        ("house: {}\nunknown: 1", "unknown"),
        ("house: [", "policy.yaml"),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(policy.PolicyError, match=message) as error:
            policy.load(path)
        assert "\n" not in str(error.value)


def test_contacts_of_nobody_else_are_compared() -> None:
    row = specimens.row("en", "resolution", "partly")
    row.address = "somebody@else.example"
    findings = WRITER.linter.letter(
        WRITER.write(row, specimens.facts("en"), specimens.now(), gate=False), WRITER.case(row, specimens.facts("en"))
    )
    assert [f.rule for f in findings.errors] == ["G11"]
    assert CaseData().contacts is None


def test_an_upheld_complaint_is_answered_with_something_done() -> None:
    record = specimens.row("en", "resolution", "upheld")
    record.inputs["decision"]["remedies"] = []
    letter = WRITER.write(record, specimens.facts("en"), specimens.now())
    assert "From 15 June the direct debit screen" in letter.text  # what improves is something
    del record.inputs["decision"]["improvement"]
    with pytest.raises(MissingField, match="remedies or improvement"):
        WRITER.write(record, specimens.facts("en"), specimens.now())


def test_what_was_examined_reads_on_however_it_was_noted() -> None:
    record = specimens.row("en", "resolution", "upheld")
    record.inputs["decision"]["examined"] = ["Listened to the recording", "The order", "spoke to the shop."]
    letter = WRITER.write(record, specimens.facts("en"), specimens.now())
    assert "I listened to the recording, checked the order, and spoke to the shop." in letter.text


@pytest.mark.parametrize("code", ["zh", "en"])
def test_variants_that_were_chosen_before_are_those_that_would_be_chosen_anew(code: str) -> None:
    language = WRITER.languages[code]
    rows = [specimens.row(code, kind) for kind in ("acknowledgement", "progress", "thanks", "withdrawal_confirmation")]
    abouts = list(specimens.variations(code))
    for row in rows:
        kept = [WRITER.write(row, about, specimens.now()) for about in abouts]
        for about, letter in zip(abouts, kept, strict=True):
            language.plans.clear()
            assert WRITER.write(row, about, specimens.now()) == letter
