"""The reply library: house replies that keep our letters' rules, versions and owners, and a reply in a case."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest

from services.notifier import language as languages
from services.notifier import policy
from services.notifier.api import tools
from services.notifier.lint.gate import Linter
from services.notifier.writer import Writer
from services.routing import replies
from services.routing.model import Case
from shared.base.security import ROLES, Authenticator
from shared.base.web import web_app
from tests.support.browser import served
from tests.support.routing import KEY, Bench
from tests.support.servers import Database

NEW = {
    "cause": "C1_product_quality",
    "language": "en",
    "title": "Battery",
    "text": "Your {product} (case {reference}).",
}


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    await made.service.opened()
    yield made
    await made.close()


def case_of(language: str) -> Case:
    product = "手机" if language == "zh" else "the phone"
    return Case(uuid4(), reference="AM-7K2M9Q4T17", name="Ada Lane", product=product, order_ref="4711")


@pytest.mark.parametrize("reply", replies.house_replies(), ids=lambda r: f"{r.title}")
def test_every_house_reply_passes_the_gate_of_our_letters_without_a_remark(reply: replies.Reply) -> None:
    text = replies.filled(reply.text, reply.language, case_of(reply.language))
    assert "{" not in text
    whole = {
        "zh": f"尊敬的李娜：\n\n{text}\n\n张敏 投诉专员 010-5550100\n",
        "en": f"Dear Ada Lane,\n\n{text}\n\nZhang Min, complaint handler, 010 555 0100\n",
    }[reply.language]
    report = Linter().text(whole, reply.language, "reply")
    assert [(f.rule, whole[f.start : f.end]) for f in report.findings] == []
    assert report.gate == "pass"


def test_there_is_a_house_reply_for_each_cause_in_both_languages() -> None:
    found = {(r.cause.split("_")[0], r.language) for r in replies.house_replies()}
    assert found == {(c, lang) for c in ("any", "C1", "C2", "C3", "C4", "C5", "C6") for lang in ("zh", "en")}


def test_what_the_case_does_not_say_is_filled_with_plain_words() -> None:
    empty = case_of("en")
    empty.product = empty.name = ""
    assert replies.filled("Dear {name}, {product} failed.", "en", empty) == "Dear you, the product failed."
    assert replies.unknown_places("{name} {amount} {") == ["amount", "{"]


async def test_a_reply_has_an_owner_and_versions_and_an_older_one_overwrites_nothing(bench: Bench) -> None:
    lead, handler = bench.as_("lena", "lead"), bench.as_("zhang")
    made = (await lead.post("/v1/replies", json=NEW)).json()
    assert (made["owner"], made["version"], made["archived"]) == ("lena", 1, False)
    path = f"/v1/replies/{made['reply_id']}"
    changed = await lead.put(path, json={**NEW, "text": "Your {product}.", "owner": "wang", "version": 1})
    assert (changed.json()["version"], changed.json()["owner"]) == (2, "wang")
    late = await bench.as_("lisa", "lead").put(path, json={**NEW, "version": 1})
    assert late.status_code == 409
    assert late.json()["version"] == 2
    assert (await lead.put(path, json={**NEW, "archived": True}, headers={"If-Match": '"2"'})).json()["version"] == 3
    seen = (await handler.get(path)).json()
    assert [(v["version"], v["what"], v["by"], v["owner"]) for v in seen["versions"]] == [
        (3, "archived", "lena", "wang"), (2, "changed", "lena", "wang"), (1, "created", "lena", "lena"),
    ]  # fmt: skip
    assert [v["text"] for v in seen["versions"]] == [NEW["text"], "Your {product}.", NEW["text"]]
    listed = [r["reply_id"] for r in (await handler.get("/v1/replies")).json()]
    assert made["reply_id"] not in listed
    with_archived = (await handler.get("/v1/replies?archived=true&q=BATTERY")).json()
    assert [r["reply_id"] for r in with_archived] == [made["reply_id"]]


async def test_only_leads_managers_and_quality_keep_the_library(bench: Bench) -> None:
    for role in ROLES:
        answer = await bench.as_(f"a-{role}", role).post("/v1/replies", json=NEW)
        assert answer.status_code == (201 if role in ("lead", "manager", "quality") else 403)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"text": "Pay {amount}."}, "/text"), ({"cause": "C99"}, "/cause"), ({"language": "fr"}, "/language"),
        ({"title": " "}, "/title"), ({"text": "x\x00"}, "/text"), ({"text": "a" * 4001}, "/text"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(bench: Bench, wrong: dict[str, str], pointer: str) -> None:
    answer = await bench.as_("lena", "lead").post("/v1/replies", json={**NEW, **wrong})
    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]


async def test_starting_again_leaves_what_people_made_of_house_replies(bench: Bench) -> None:
    lead = bench.as_("lena", "lead")
    house = next(r for r in (await lead.get("/v1/replies?language=en")).json() if r["owner"] == "house")
    given = {name: house[name] for name in ("cause", "language", "title")}
    assert (await lead.put(f"/v1/replies/{house['reply_id']}", json={**given, "text": "Our own words."})).is_success
    await bench.service.opened()
    again = (await lead.get(f"/v1/replies/{house['reply_id']}")).json()
    assert (again["text"], again["version"], len(again["versions"])) == ("Our own words.", 2, 2)


async def test_a_case_is_offered_what_fits_its_cause_and_language_and_sends_it_as_a_reply(bench: Bench) -> None:
    await bench.handler("zhang")
    complaint_id = await bench.complaint("The phone is defective and broken.", product="the phone")
    await bench.rounds.round()
    zhang = bench.as_("zhang")
    case = (await zhang.get(f"/v1/cases/{complaint_id}")).json()
    assert case["cause"] == "C1_product_quality"
    offered = (await zhang.get(f"/v1/cases/{complaint_id}/replies")).json()
    assert [r["cause"] for r in offered] == ["C1_product_quality", "any", "any"]
    assert {r["language"] for r in offered} == {"en"}
    assert "You bought the phone to use it" in offered[0]["text"]
    assert case["reference"] in offered[2]["text"]
    page = await zhang.get(f"/desk/cases/{complaint_id}/replies")
    assert "You bought the phone to use it" in page.text
    assert f'href="/desk/cases/{complaint_id}/replies"' in (await zhang.get(f"/desk/cases/{complaint_id}")).text
    sent = await zhang.post(f"/desk/cases/{complaint_id}/reply", data={"text": offered[0]["text"]})
    assert sent.status_code == 303
    assert (await bench.types(complaint_id))[-1] == "ReplyWritten"


async def test_the_leads_page_makes_changes_and_takes_back_a_reply(bench: Bench) -> None:
    lead = bench.as_("lena", "lead")
    made = await lead.post("/desk/replies/new", data={**NEW, "owner": "lena"})
    assert made.status_code == 303
    path = made.headers["location"].partition("?")[0]
    page = await lead.post(path, data={**NEW, "text": "Pay {amount}", "version": "1"})
    assert page.status_code == 422
    assert "nothing fills amount" in page.text
    assert "Pay {amount}" in page.text, "what was typed stays"
    assert (await lead.post(path, data={**NEW, "version": "1", "do": "archive"})).status_code == 303
    assert "it is not offered any more" in (await lead.get(path)).text
    assert (await lead.post(path, data={**NEW, "version": "1"})).status_code == 409
    assert (await lead.post(path, data={**NEW, "version": "2", "do": "restore"})).status_code == 303
    page = (await lead.get(path)).text
    assert "taken back" in page
    assert "it is not offered any more" not in page
    assert "Battery" in (await lead.get("/desk/replies?q=battery")).text
    assert (await bench.as_("zhang").post(path, data=NEW)).status_code == 403


async def test_what_a_lead_keeps_passes_the_gate_of_our_letters_first(database: Callable[..., Database]) -> None:
    writer = Writer(languages.load_all(), policy.load(None), Linter())
    rules = web_app("notifier", [tools.router(writer)], auth=Authenticator(KEY), ready=_ready)
    async with served(rules) as url:
        bench = Bench(database(), more={"notifier_url": url})
        await bench.service.opened()
        lead = bench.as_("lena", "lead")
        bad = {**NEW, "text": "I am sorry if your {product} broke. You failed to read the label."}
        refused = await lead.post("/v1/replies", json=bad)
        assert refused.status_code == 422
        errors = refused.json()["errors"]
        assert {e["pointer"] for e in errors} == {"/text"}
        assert {e["detail"].partition(":")[0] for e in errors} >= {"E1", "E3"}
        made = await lead.post("/v1/replies", json=NEW)
        assert made.status_code == 201, made.text
        path = f"/v1/replies/{made.json()['reply_id']}"
        assert (await lead.put(path, json={**bad, "version": 1})).status_code == 422
        assert (await lead.get(path)).json()["text"] == NEW["text"]
        gone = await lead.put(path, json={**bad, "version": 1, "archived": True})
        assert gone.status_code == 200  # what is no longer offered needs no check
        other = await lead.post("/v1/replies", json={**NEW, "language": "de"})
        assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/language")
        await bench.close()


async def _ready() -> None:
    return None
