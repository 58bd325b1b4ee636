"""The rules of letters: what they catch, what they leave alone, and where."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.notifier.desk import lint, structured
from services.notifier.letter import KINDS
from services.notifier.lint import CaseData, Linter
from services.notifier.lint.pii import find, is_card, is_id_zh
from services.notifier.lint.rules import matrix, rules, vocabulary
from services.notifier.shapes import LetterIn, LintCase, LintIn

EXAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "golden" / "letters" / "lint_rules.json").read_text(encoding="utf-8")
)
OVERALL = {"E8": "upheld", "E9": "not_upheld"}
LINTER = Linter()


def examples() -> list[tuple[str, str, str, bool]]:
    """Rule, language, text, whether it fires: those of rules that are kept, and that are sentences at all."""
    found = []
    for entry in EXAMPLES:
        for language in ("en", "zh"):
            for side in ("fail", "pass"):
                text = entry[f"{side}_{language}"]
                if entry["id"] in rules() and not text.startswith(("(", "（")):
                    found.append((entry["id"], language, text, side == "fail"))
    return found


def fired(rule: str, language: str, text: str, kind: str = "resolution", **case: Any) -> list[str]:
    """What one rule finds, as the words it points at."""
    report = Linter(only=[rule]).text(text, language, kind, CaseData(**case))
    return [text[f.start : f.end] for f in report.findings]


@pytest.mark.parametrize(("rule", "language", "text", "fires"), examples())
def test_examples_of_every_rule(rule: str, language: str, text: str, fires: bool) -> None:
    assert bool(fired(rule, language, text, overall=OVERALL.get(rule))) == fires


MUST_NOT_FIRE = [
    ("A2", "zh", "您反映家中无法上网。我们6月3日查看了线路。"),
    ("A2", "en", "You wrote that you cannot make calls. We checked the line on 3 June."),
    ("A2", "zh", "您反映无法上网，是由于光缆被挖断。"),
    ("A10", "zh", "我们查看了线路。您反映家中无法上网。"),
    ("A10", "en", "We checked the line. It was the one over which you cannot make calls."),
    ("A7", "zh", "您反映无法上网，是由于光缆被挖断。"),
    ("A7", "en", "You cannot make calls because a cable was cut."),
    ("E1", "en", "You should have received the parcel on 3 June."),
    ("E1", "en", "If you did not receive the £20, call me."),
    ("E1", "zh", "如果您没有收到退款，请致电010-5550100。"),
    ("E1", "zh", "您未使用的流量会留到下月。"),
    ("E1", "zh", "这不是您的责任。"),
    ("E1", "en", "This was not your fault."),
    ("E3", "en", "We are sorry that we did not send any update."),
    ("E4", "en", "I am sorry that you had to wait 40 minutes."),
    ("E7", "zh", "这是我们的责任。"),
    ("E12", "zh", "您说家里没办法上网。"),
    ("E2", "zh", "我们的说明让您产生误解。"),
    ("G6", "zh", "手机内部主板已经更换。"),
    ("G5", "en", "The phone with IMEI 490154203237518 was tested."),
    ("G5", "en", "Your order 20417000000000000012 arrived."),
    ("G5", "en", "See https://care.example/track/AM-7K2M9Q4T1C?t=ty5.a13912345678e0f4111111111111111d2 any time."),
    ("G9", "en", "The temperature of the room was 30 degrees."),
    ("G9", "zh", "您办理的是个性化套餐。"),
    ("E10", "en", "The phone has a two-year guarantee."),
    ("E10", "zh", "保证金已经退还。"),
    ("D6", "zh", "请在6月20日前办理，也就是自收到本函之日起30日内。"),
    ("D7", "en", "We did not inform you in time."),
    ("D9", "en", "Your card ending 1234 was charged."),
    ("D9", "en", "The card XXXX 1234 was charged."),
    ("D4", "en", "You waited 20 minutes in the queue."),
    ("B6", "en", "You only need to bring the phone."),
    ("C9", "en", "You bought the phone on special offer on 28 May."),
    ("A3", "en", "Thank you for your letter of 3 June about the refund."),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "language", "text"), MUST_NOT_FIRE)
def test_good_sentences_are_left_alone(rule: str, language: str, text: str) -> None:
    # A refusal elsewhere, so that rules about refusals look at all.
    refusing = {
        "en": " We tested it on 3 June. For this reason we do not uphold the request.",
        "zh": "6月3日我们检测过。因此退款这一项我们没有办理。",
    }[language]
    assert fired(rule, language, text + (refusing if rule in ("A2", "A7") else "")) == []


MUST_FIRE = [
    ("A2", "en", "Unfortunately we are not able to refund the phone. We checked it on 3 June."),
    ("A2", "zh", "很遗憾，我们无法为您退款。"),
    ("A6", "zh", "很高兴收到您的来信。这次我们不能退款。"),
    ("A7", "en", "We will not refund the phone because it was sold as seen."),
    ("A12", "en", "For details please call our hotline."),
    ("A12", "zh", "处理结果请致电客服。"),
    ("B8", "zh", "本公司拥有最终解释权。"),
    ("C1", "en", "We will refund you."),
    ("C1", "zh", "我们会退款给您。"),
    ("C2", "zh", "我们会抓紧办理。"),
    ("C3", "zh", "我们给予适当的补偿。"),
    ("C8", "en", "This is in full and final settlement."),
    ("E1", "zh", "因您自己没有保留发票，无法办理。"),
    ("E1", "en", "That was your own fault."),
    ("E2", "en", "You misunderstood the offer."),
    ("E3", "zh", "如有给您造成不便之处，敬请谅解。"),
    ("E4", "en", "We are sorry you felt that way."),
    ("E12", "en", "I have no idea."),
    ("D9", "zh", "某某女士您好"),
    ("D9", "en", "We will pay {amount} by 3 June."),
    ("G5", "en", "Write to another.person@example.org."),
    ("G5", "zh", "他的电话是13800138000。"),
    ("G5", "zh", "身份证号110101199003071234。"),
    ("G5", "en", "Your card 4111 1111 1111 1111 was charged."),
]


@pytest.mark.parametrize(("rule", "language", "text"), MUST_FIRE)
def test_bad_sentences_are_caught(rule: str, language: str, text: str) -> None:
    found = fired(rule, language, text)
    assert found
    assert all(words and words in text for words in found)


def test_quoted_words_are_somebody_elses() -> None:
    assert fired("B8", "zh", "小票上写着“概不退换”，请6月3日前来店。") == []
    assert fired("E2", "en", "You wrote “your so-called service”.") == []
    assert fired("D9", "en", "You wrote “[NAME]”.") == ["[NAME]"]


def test_values_of_the_case_are_no_leak() -> None:
    text = "We write to lina@example.org about order 4111111111111111."
    assert len(fired("G5", "en", text)) == 2
    assert fired("G5", "en", text, allowed=frozenset({"lina@example.org", "4111111111111111"})) == []


def test_numbers_are_judged_by_their_check_digits() -> None:
    assert is_card("4111111111111111")
    assert not is_card("4111111111111112")
    assert not is_card("490154203237518")
    assert is_id_zh("11010519491231002X")
    assert not is_id_zh("110105194912310021")
    assert list(find("Plate 京A12345", frozenset())) == [(6, 13)]


def test_amounts_must_be_those_of_the_case() -> None:
    text = "I received your call of 3 June. You bought it for £79. I will credit £50 to your account by 14 June."
    assert fired("C5", "en", text, amounts=frozenset({Decimal(20)})) == ["£50"]
    assert fired("C5", "en", text, amounts=frozenset({Decimal(50)})) == []
    assert fired("C5", "en", text) == []


def test_a_commitment_without_a_promise_is_found() -> None:
    text = "I will call you by 14 June."
    assert fired("C7", "en", text, "reply", promised=frozenset()) == [text]
    assert fired("C7", "en", text, "reply", promised=frozenset({date(2026, 6, 14)})) == []
    assert fired("C7", "zh", "我会在6月14日（周日）前致电您。", "reply", promised=frozenset()) != []


def test_nobody_is_asked_for_what_we_hold() -> None:
    text = "I received your call of 3 June. Please send us your order number by 14 June."
    assert fired("C10", "en", text, "information_request", holds=frozenset({"order_ref"})) != []
    assert fired("C10", "en", text, "information_request") == []
    assert fired("C10", "en", "Please bring the phone to the Main Street shop by 20 June.") != []
    assert fired("C10", "en", "Please bring the phone to the shop by 20 June, or call 010 555 0100.") == []


def test_the_matrix_is_whole_and_each_rule_has_words_in_each_language() -> None:
    assert set(matrix().levels) | set(matrix().short) == set(rules())
    assert {rule for axis in matrix().axes.values() for rule in axis} <= set(rules())
    for row in matrix().levels.values():
        assert tuple(row) == KINDS
        assert set(row.values()) <= {"error", "warn", "info", "off"}
    for language in ("en", "zh"):
        for words in vocabulary(language).words.values():
            assert words.message
            assert words.suggestion


def test_an_acknowledgement_needs_no_remedy_and_a_resolution_does() -> None:
    text = "We received your letter of 3 June (case AM-7K2M9Q4T1C)."
    assert LINTER.text(text, "en", "acknowledgement").gate == "pass"
    assert LINTER.text(text, "en", "resolution").gate == "block"


def test_some_rules_only_warn_in_words_by_hand() -> None:
    text = "Under our policy we cannot refund this item."
    by_hand = Linter(only=["B1"]).text(text, "en", "reply")
    assert [f.level for f in by_hand.findings] == ["warn"]
    letter = structured(LetterIn(facts=[text]), "reply", "en")
    assert [f.level for f in Linter(only=["B1"]).letter(letter).findings] == ["error"]


def test_more_than_two_warnings_block() -> None:
    two = "It was only two days late. This was the courier's fault."
    assert LINTER.text(two, "en", "thanks").gate == "block"  # no receipt: an error
    report = LINTER.text(two, "en", "reply")
    assert ([f.level for f in report.findings], report.gate) == (["warn", "warn"], "pass")
    assert LINTER.text(two + " Mistakes were made.", "en", "reply").gate == "block"


def test_a_structured_letter_is_read_by_its_parts() -> None:
    wanted = LintIn(
        language="en", kind="resolution", case=LintCase(overall="not_upheld"),
        letter=LetterIn(
            greeting="Dear Li Na,",
            cushion=["I received your letter of 3 June.", "I checked your order."],
            facts=["You bought the phone on 28 May at the sale price of £79."],
            decisions=["For this reason we do not uphold the refund request."],
            remedy=["We will exchange the phone by 30 June."],
            call_to_action=["Please call me on 010 555 0100 by 30 June."],
            closing=["Thank you for telling us."], signatory="Zhang Min, complaint handler, 9 June 2026",
        ),
    )  # fmt: skip
    assert lint(LINTER, wanted).findings == ()
    assert wanted.letter is not None
    swapped = wanted.letter.model_copy(update={"remedy": [], "facts": []})
    report = lint(LINTER, wanted.model_copy(update={"letter": swapped}))
    assert {"A1", "A9"} <= {f.rule for f in report.errors}


@pytest.mark.parametrize("text", ["", " ", "\n", "。", "Dear", "您好：", "a" * 5000, "？！" * 100, "\u200b"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_text_is_judged_and_none_fails(text: str, kind: str) -> None:
    for language in ("en", "zh"):
        report = LINTER.text(text, language, kind)
        assert all(0 <= f.start <= f.end <= len(text) for f in report.findings)
