"""The cause model: shipped weights are what training gives; it answers, abstains, and says why."""

import gzip
import json
import subprocess
import sys

import pytest

from services.routing.cause_model import CauseModel, features
from services.routing.triage import Triage, load_rules
from tests.triage import train
from tests.triage.linear import train as fit
from tests.triage.material import agreement, labelled

model = CauseModel.load()
triage = Triage(load_rules(), model)


def test_the_committed_weights_are_what_training_gives() -> None:
    assert json.loads(gzip.decompress(train.WEIGHTS.read_bytes())) == json.loads(gzip.decompress(train.archive()))
    assert train.WEIGHTS.stat().st_size < 300_000


def test_it_loads_in_less_than_half_a_second() -> None:
    code = (
        "import time; from services.routing.cause_model import CauseModel; a = time.process_time(); "
        "CauseModel.load(); print(time.process_time() - a)"
    )
    spent = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert float(spent) < 0.5


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("家里的网一到晚上就卡得不行", "C3_network_defect"),
        ("那个柜台的小姑娘对我翻白眼，话都懒得说", "C5_staff_service"),
        ("you keep my deposit because of a scratch that was there before", "C6_policy_disagreement"),
        ("a cheap copy, the paint comes off and the wheels fell off in a week", "C1_product_quality"),
    ],
)
def test_where_rules_abstain_the_model_answers_with_its_features(text: str, cause: str) -> None:
    found = triage(text)
    assert found.cause == cause
    reason = next(d for d in found.decided_by if d.startswith("cause:"))
    guess = model(text)
    assert guess
    assert guess.features
    assert reason.startswith("cause:C") or f"model:{cause}={guess.margin:.2f}:{'+'.join(guess.features)}" in reason


def test_rules_go_first() -> None:
    assert not any("model" in d for d in triage("营业员态度恶劣，对我爱理不理").decided_by)


@pytest.mark.parametrize("text", ["Good morning.", "你好，请联系我", "12345", "xyzzy plugh"])
def test_what_is_not_clear_goes_to_a_person(text: str) -> None:
    found = triage(text)
    assert found.cause == "unknown"
    assert any(d.startswith("cause:abstain:weak;model:abstain") for d in found.decided_by)


def test_named_features_are_in_the_vocabulary_alone() -> None:
    guess = model("Mrs Quarkenbush-Zyl says the waiter was rude and laughed")
    assert guess
    assert not {"quarkenbush", "zyl"} & set(guess.features)


def test_features_are_pieces_of_words_and_of_chinese() -> None:
    assert features("没信号")["信号"] == 1
    assert {"_rude_", "_ru", "rude"} <= set(features("Rude"))


def test_training_finds_what_separates_and_kappa_is_cohens() -> None:
    made = fit([features(t) for t in ("red fox", "red hen", "blue fox", "blue hen")] * 2, ["r", "r", "b", "b"] * 2)
    assert [made.classes[max(range(2), key=made.scores(features(t)).__getitem__)] for t in ("red", "blue")] == [
        "r",
        "b",
    ]
    same, kappa = agreement(["a", "a", "b", "b"], ["a", "a", "b", "a"])
    assert (same, kappa) == (0.75, 0.5)


def test_the_labelled_texts_are_enough_and_cover_every_cause() -> None:
    texts = labelled()
    assert len(texts) >= 300
    assert {t.language for t in texts} == {"zh", "en"}
    assert len({t.first for t in texts}) == len({t.second for t in texts}) == 7
