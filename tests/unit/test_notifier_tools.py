"""Lint and preview as people use them: over HTTP and on the command line."""

import json
from pathlib import Path

import httpx
import pytest
import yaml
from fastapi import FastAPI
from typer.testing import CliRunner

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.api import gallery, tools
from services.notifier.cli import letter
from services.notifier.desk import preview
from services.notifier.letter import KINDS
from services.notifier.lint import Linter
from services.notifier.shapes import PreviewIn
from services.notifier.writer import Writer
from shared.base.security import Authenticator, Role, issue
from shared.base.web import web_app

GOLDEN = Path(__file__).parents[1] / "golden" / "letters"
KEY = "k" * 32
RUN = CliRunner()


async def _ready() -> None:
    return None


@pytest.fixture(scope="module")
def web() -> FastAPI:
    writer = Writer(languages.load_all(), policy.load(None), Linter())
    routers = [tools.router(writer), gallery.router(writer)]
    return web_app("notifier", routers, auth=Authenticator(KEY), ready=_ready)


def client(web: FastAPI, role: Role | None = "handler") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {issue(KEY, name='ann', role=role)}"} if role else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://notifier", headers=headers)


async def test_lint_over_http(web: FastAPI) -> None:
    text = "We received your letter of 3 June. We will reply as soon as possible."
    async with client(web) as http:
        answer = await http.post("/v1/letters/lint", json={"text": text, "language": "en", "kind": "acknowledgement"})
    assert answer.status_code == 200
    [found] = answer.json()["findings"]
    assert (found["rule"], found["level"], answer.json()["gate"]) == ("C2", "error", "block")
    assert text[found["start"] : found["end"]] == "We will reply as soon as possible."
    assert found["suggestion"]


async def test_preview_over_http(web: FastAPI) -> None:
    document = yaml.safe_load((GOLDEN / "refund-refused.zh.yaml").read_text(encoding="utf-8"))
    case = {k: v for k, v in document["case"].items() if k not in ("language", "person")}
    body = {
        "language": "zh", "case": {**case, "name": "李娜", "salutation": "女士"}, "handler": document["handler"],
        "decision": document["decision"], "date": document["now"],
    }  # fmt: skip
    async with client(web) as http:
        answer = await http.post("/v1/letters/preview", json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["text"] == (GOLDEN / "refund-refused.zh.txt").read_text(encoding="utf-8")
    assert (shown["gate"], shown["findings"]) == ("pass", [])


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("lint", {"language": "en"}, "/"),
        ("lint", {"text": "x", "letter": {}, "language": "en"}, "/"),
        ("lint", {"text": "x", "language": "fr"}, "/language"),
        ("lint", {"text": "x", "language": "en", "kind": "poem"}, "/kind"),
        ("lint", {"text": "x" * 70_000, "language": "en"}, "/text"),
        ("preview", {"language": "en", "decision": {"examined": 1}}, "/decision/examined"),
        ("preview", {"language": "en", "decision": "no"}, "/decision"),
        ("preview", {"language": "en", "decision": {"examined": [], "issues": ["x"]}}, "/decision/issues/0"),
        ("preview", {"language": "en", "unknown": 1}, "/unknown"),
        ("preview", {"language": "en", "date": "yesterday"}, "/date"),
    ],
)
async def test_wrong_bodies_are_refused_with_the_field(web: FastAPI, path: str, body: object, pointer: str) -> None:
    async with client(web) as http:
        answer = await http.post(f"/v1/letters/{path}", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_dates_at_the_ends_of_time_are_answered(web: FastAPI, date: str) -> None:
    body = {"language": "en", "kind": "acknowledgement", "date": date, "case": {"received_at": date}}
    async with client(web) as http:
        answer = await http.post("/v1/letters/preview", json=body)
    assert answer.status_code in (200, 422)


async def test_who_may_look(web: FastAPI) -> None:
    for role, status in ((None, 401), ("channel", 403), ("handler", 200), ("service", 200)):
        async with client(web, role) as http:  # type: ignore[arg-type]
            answer = await http.post("/v1/letters/lint", json={"text": "x", "language": "en", "kind": "reply"})
        assert answer.status_code == status


async def test_the_gallery_shows_every_letter_in_both_languages(web: FastAPI) -> None:
    for language in ("zh", "en"):
        async with client(web) as http:
            answer = await http.get("/letters/gallery", params={"lang": language})
        assert answer.status_code == 200
        page = answer.text
        told = sum(len(specimens.outcomes(code, kind)) for code in specimens.languages() for kind in KINDS)
        assert page.count('class="card"') == told >= 2 * 45
        assert page.count('class="pill bad"') == 0
        for line in (GOLDEN / f"refund-refused.{language}.txt").read_text(encoding="utf-8").splitlines()[2:6:2]:
            plain = line.replace("AM-7K2M9Q4T1C", "")[:12]
            assert plain[:4] in page
        assert "part-cushion" in page


def test_lint_on_the_command_line(tmp_path: Path) -> None:
    good = GOLDEN / "refund-refused.en.txt"
    bad = tmp_path / "bad.txt"
    bad.write_text("尊敬的客户：\n\n对不起，我们不能退款。\n", encoding="utf-8")
    assert RUN.invoke(letter, ["lint", str(good)]).exit_code == 0
    result = RUN.invoke(letter, ["lint", str(good), str(bad)])
    assert result.exit_code == 1
    assert f"{good}: pass" in result.output
    assert f"{bad}:3:" in result.output
    assert "A2 error" in result.output
    as_json = json.loads(RUN.invoke(letter, ["lint", "--json", str(bad)]).output)
    assert as_json[0]["gate"] == "block"
    assert {"A2", "G1"} <= {f["rule"] for f in as_json[0]["findings"]}


def test_a_structured_letter_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "letter.json"
    path.write_text(json.dumps({"kind": "reply", "language": "en", "body": ["Calm down."]}), encoding="utf-8")
    result = RUN.invoke(letter, ["lint", str(path)])
    assert result.exit_code == 1
    assert "E12" in result.output


def test_preview_on_the_command_line(tmp_path: Path) -> None:
    document = yaml.safe_load((GOLDEN / "refund-refused.en.yaml").read_text(encoding="utf-8"))
    case = {k: v for k, v in document["case"].items() if k not in ("language", "person")}
    body = {
        "language": "en", "case": {**case, "name": "Li Na"}, "handler": document["handler"],
        "decision": document["decision"], "date": document["now"],
    }  # fmt: skip
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(body, allow_unicode=True), encoding="utf-8")
    result = RUN.invoke(letter, ["preview", str(path)])
    assert result.exit_code == 0, result.output
    assert (GOLDEN / "refund-refused.en.txt").read_text(encoding="utf-8") in result.output
    path.write_text(yaml.safe_dump({**body, "handler": None}), encoding="utf-8")
    result = RUN.invoke(letter, ["preview", str(path)])
    assert result.exit_code == 1
    assert "missing: handler" in result.output


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe", "not UTF-8"), (b"{", "Expecting"), (b'{"letter": {"poem": 1}}', "letter.poem")],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    result = RUN.invoke(letter, ["lint", str(path)])
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert RUN.invoke(letter, ["lint", str(tmp_path / "nowhere")]).exit_code == 2


def test_findings_for_review_tools(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("We will reply as soon as possible.", encoding="utf-8")
    answer = RUN.invoke(letter, ["lint", str(path), "--kind", "reply", "--sarif"])
    assert answer.exit_code == 1
    log = json.loads(answer.stdout)
    [found] = [r for r in log["runs"][0]["results"] if r["ruleId"] == "C2"]
    region = found["locations"][0]["physicalLocation"]["region"]
    assert (log["version"], found["level"], region) == ("2.1.0", "error", {"charOffset": 0, "charLength": 34})


def test_every_kind_can_be_previewed_from_its_inputs() -> None:
    writer = Writer(languages.load_all(), policy.load(None), Linter())
    body = {
        "kind": "call_summary", "language": "en", "date": "2026-06-09T03:30:00Z",
        "case": {"reference": "AM-7K2M9Q4T1C", "received_at": "2026-06-03T03:12:00Z", "name": "Li Na"},
        "handler": {"id": "z", "name": "Zhang Min", "role_title": "complaint handler", "contact": "010 555 0100"},
        "inputs": {"called_on": "2026-06-09", "agreed": [{"what": "call you back", "by": "2026-06-12", "who": "I"}]},
    }  # fmt: skip
    shown = preview(writer, PreviewIn.model_validate(body))
    assert "I will call you back by Friday 12 June." in shown.text
    assert (shown.gate, shown.missing) == ("pass", None)
    assert set(shown.score) == {"relevance", "completeness", "explainability", "timeliness", "tone"}
    assert 4 <= shown.opening_seconds <= 11
    assert 1 <= shown.segments <= 2
    lacking = preview(writer, PreviewIn.model_validate({**body, "inputs": {"called_on": "2026-06-09"}}))
    assert lacking.missing == "missing: agreed"
    for wrong in ({"agreed": "x"}, {"agreed": ["x"]}, {"called_on": "0001-01-01"}, {"called_on": "soon"}):
        assert preview(writer, PreviewIn.model_validate({**body, "inputs": wrong})).missing
