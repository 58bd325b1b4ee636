"""The sample complaints parse, are as many as promised, and reach nobody real."""

import email
import json
import re
from datetime import UTC, datetime
from email import policy
from typing import Any, get_args

from deploy.local.demo import samples
from services.intake.requests import CallIn, ComplaintIn
from shared.events.common import Cause

NOW = datetime(2026, 6, 9, 8, 30, tzinfo=UTC)
EMAIL = re.compile(r"[\w.+-]+@[\w.-]+")
FICTIONAL_PHONE = re.compile(r"\+1 \d{3} 555 01\d\d|\+44 7700 900\d{3}|010-55501\d\d")
NARRATIVE_PHONE = re.compile(r"\d{3}-\d{3}-\d{4}")


def every_record() -> list[dict[str, Any]]:
    return [record for name in samples.FILES for record in samples.records(name, NOW)]


def person(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = record["body"].get("customer") or record["body"]["caller"]
    return found


def words(record: dict[str, Any]) -> str:
    body = record["body"]
    return str(body.get("text") or body.get("transcript") or body.get("notes") or "")


def test_there_are_as_many_samples_as_the_readme_says() -> None:
    cfpb, zh = samples.records("cfpb", NOW), samples.records("zh", NOW)
    calls = sum(record["send"] == "hotline" for record in cfpb)
    readme = (samples.SAMPLES / "README.md").read_text("utf-8")
    assert len(cfpb) >= 60
    assert f"| {len(cfpb)} complaints of American" in readme
    assert f"{len(cfpb) - calls} as web posts and {calls} as hotline calls" in readme
    assert 0.25 < calls / len(cfpb) < 0.4
    assert len(zh) >= 16
    assert f"{len(zh)} Chinese complaints" in readme
    assert {record["send"] for record in zh} == {"web", "hotline"}


def test_the_chinese_complaints_cover_the_nine_causes() -> None:
    assert {record["cause"] for record in samples.records("zh", NOW)} == set(get_args(Cause)) - {"unknown"}


def test_ids_are_unique_and_every_source_is_named() -> None:
    records = every_record()
    assert len({record["id"] for record in records}) == len(records)
    assert all(record["source"] for record in records)
    assert all(
        re.search(r"complaint \d{6,9}, received 20", record["source"]) for record in samples.records("cfpb", NOW)
    )


def test_no_mask_and_no_unfilled_place_is_left() -> None:
    for record in every_record():
        text = json.dumps(record, ensure_ascii=False)
        assert "XX" not in text, record["id"]
        assert not re.search(r"[{]\w+:[+-]?\d", text), record["id"]


def test_narratives_are_of_readable_length() -> None:
    for record in samples.records("cfpb", NOW):
        assert 35 <= len(words(record).split()) <= 290, record["id"]


def test_contacts_belong_to_nobody() -> None:
    for record in every_record():
        phone = person(record).get("phone")
        assert phone is None or FICTIONAL_PHONE.fullmatch(phone), record["id"]
        for address in EMAIL.findall(json.dumps(record)):
            assert re.search(r"@example\.(com|org|net)$", address), (record["id"], address)
        for number in NARRATIVE_PHONE.findall(words(record)):
            assert "-555-01" in number, (record["id"], number)


def test_the_endpoints_take_every_record() -> None:
    for record in every_record():
        model = CallIn if record["send"] == "hotline" else ComplaintIn
        assert model.model_validate_json(json.dumps(record["body"]))


def test_some_callers_leave_no_address() -> None:
    assert any("email" not in person(record) for record in every_record() if record["send"] == "hotline")


def test_calls_happen_in_order_and_before_they_are_sent() -> None:
    for record in every_record():
        if record["send"] != "hotline":
            continue
        names = ("queued_at", "started_at", "answered_at", "ended_at")
        times = [datetime.fromisoformat(record["body"][name]) for name in names if name in record["body"]]
        assert times == sorted(times), record["id"]
        assert times[-1] < NOW, record["id"]


def test_chinese_texts_use_full_width_punctuation() -> None:
    for record in samples.records("zh", NOW):
        assert not re.search(r"[\u4e00-\u9fff][,;:?!.]", words(record)), record["id"]


def test_places_are_filled_from_the_day_of_the_run() -> None:
    told = samples.moved(["{zh:-6}", "{en:-12}", "{iso:+6w}", "{iso:+4w}", "{time:-90}", {"a": "{x:1}"}], NOW)
    assert told == ["6月3日", "28 May", "2026-06-15", "2026-06-15", "2026-06-09T08:28:30Z", {"a": "{x:1}"}]


def test_the_golden_letters_case_moves_to_the_day_of_the_run() -> None:
    golden = {record["id"]: words(record) for record in every_record()}
    assert "5月28日" in golden["zh-01"]
    assert "6月3日" in golden["zh-01"]
    assert "28 May" in golden["en-01"]
    assert "3 June" in golden["en-01"]


def test_mails_are_there_with_their_licence() -> None:
    names = [name for name, _ in samples.emails()]
    assert sum(name.startswith("mikel-") for name in names) >= 12
    licence = (samples.SAMPLES / "emails" / "LICENSE-mikel-mail.txt").read_text()
    assert "Permission is hereby granted" in licence
    assert "Mikel Lindsaar" in licence


def test_one_message_id_stands_on_three_mails_two_of_them_alike() -> None:
    trio = [
        email.message_from_bytes(raw, policy=policy.default) for name, raw in samples.emails() if "message-id" in name
    ]
    first, again, other = ((mail["Message-ID"], mail["Date"], mail["Subject"], mail.get_content()) for mail in trio)
    assert first == again
    assert trio[0]["Received"] != trio[1]["Received"]
    assert other[0] == first[0]
    assert other[1:] != first[1:]


def test_the_gateway_stands_on_top_and_nothing_else_changes() -> None:
    for name, raw in samples.emails():
        sent = samples.stamped(raw, "gateway.amends.example", NOW)
        assert sent.endswith(raw), name
        top = email.message_from_bytes(sent)["Received"]
        assert "by gateway.amends.example" in top, name
        assert "Tue, 09 Jun 2026 08:30:00 +0000" in top, name


DECISION = {"examined", "issues", "remedies", "calls_to_action", "cause", "improvement"}
ISSUE = {"id", "what", "finding", "request", "facts", "reason", "apology"}
REMEDY = {"type", "class", "amount", "currency", "item", "by", "actor", "issue"}
ACTION = {"action", "channel", "contact", "by", "bring"}
OUTCOMES = ("upheld", "partly", "alternative", "nothing")


def test_decisions_are_whole_and_belong_to_samples() -> None:
    ids = {record["id"] for record in every_record()}
    for record_id, decision in samples.decisions(NOW).items():
        assert record_id in ids
        assert set(decision) <= DECISION, record_id
        issues = {issue["id"] for issue in decision["issues"]}
        for issue in decision["issues"]:
            assert set(issue) <= ISSUE, record_id
            assert issue["facts"], record_id
            assert all(set(fact) == {"text", "source", "date"} for fact in issue["facts"]), record_id
        for remedy in decision.get("remedies", []):
            assert set(remedy) <= REMEDY, record_id
            assert remedy["issue"] in issues
        assert decision["calls_to_action"]
        assert all(set(action) <= ACTION for action in decision["calls_to_action"]), record_id
        dated = decision.get("remedies", []) + decision["calls_to_action"]
        assert all(datetime.fromisoformat(item["by"]).date() > NOW.date() for item in dated), record_id


def test_decisions_reach_every_outcome_in_both_languages() -> None:
    languages = {record["id"]: person(record)["language"] for record in every_record()}
    outcomes = set()
    for record_id, decision in samples.decisions(NOW).items():
        found = {issue["finding"] for issue in decision["issues"]}
        overall = "upheld" if found == {"substantiated"} else "partly"
        if found == {"not_substantiated"}:
            overall = "alternative" if decision.get("remedies") else "nothing"
        outcomes.add((languages[record_id], overall))
    assert outcomes == {(language, outcome) for language in ("zh", "en") for outcome in OUTCOMES}
