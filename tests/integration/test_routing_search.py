"""Finding cases by name, phone, reference and order, many at once, and the whole file of one."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.dialects import postgresql

from services.routing.finding import words_of
from services.routing.store import views
from shared.events.intake import Person
from tests.integration.test_routing_life import DECISION, assigned
from tests.support.routing import Bench, letter, received
from tests.support.scale import FULL
from tests.support.servers import Database

MANY = 100_000 if FULL else 20_000


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    yield made
    await made.close()


async def someone(bench: Bench, name: str, phone: str = "", order: str | None = None, reference: str = "") -> UUID:
    complaint_id = uuid4()
    event = received("Broken.", order_ref=order)
    (customer,) = event.personal
    person = Person(name=name, phone=phone, email=f"{customer}@example.com", text="Broken.")
    more = {"personal": {customer: person}, **({"reference": reference} if reference else {})}
    await bench.feed(complaint_id, event.model_copy(update=more))
    return complaint_id


async def test_people_find_a_case_by_whatever_they_know_of_it(bench: Bench) -> None:
    li = await someone(bench, "José Álvarez-Núñez", "+86 10 5550 1234", "ORD-47/11", "AM-7K2M9Q4T1C")
    han = await someone(bench, "欧阳娜娜", "13812345678")
    client = bench.as_("zhang")
    ways = {
        "jose": li, "ALVAREZ jo": li, "nunez": None, "álvarez-núñez": li, "5550 1234": li, "010-55501234": li,
        "+86 (10) 5550-1234": li, "0086 10 55501234": li, "am-7k2m9q4t1c": li, "7K2M 9Q4T": li, "AM7K2M9Q4TIC": li,
        "ord4711": li, "ORD-47/11": li, "ｏｒｄ４７": li, "欧阳": han, "娜娜": han, "娜": han, "5678": han,
        "138 1234 5678": han, "nobody": None, "%%": None, "__": None, "' | 'n:jose": None,
    }  # fmt: skip
    for q, wanted in ways.items():
        found = await client.get("/v1/cases", params={"q": q})
        assert found.status_code == 200, (q, found.text)
        assert [c["complaint_id"] for c in found.json()] == ([str(wanted)] if wanted else []), q


async def test_what_cannot_be_looked_for_is_refused_with_the_field(bench: Bench) -> None:
    client = bench.as_("zhang")
    bad: list[tuple[dict[str, Any], str]] = [
        ({"q": "l"}, "/q"), ({"q": "a\x00b"}, "/q"), ({"q": "  "}, "/q"), ({"q": "x" * 201}, "/q"),
        ({"state": "lost"}, "/state"), ({"limit": 0}, "/limit"), ({"handler": "a\x00"}, "/handler"),
    ]  # fmt: skip
    for params, pointer in bad:
        answer = await client.get("/v1/cases", params=params)
        assert answer.status_code == 422, params
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["pointer"].endswith(pointer), answer.text


async def test_finding_one_among_very_many_reads_an_index(bench: Bench) -> None:
    await bench.sql(
        "INSERT INTO case_file (complaint_id, version, kind, state, reference, queue, tier, severity, rank, order_at, "
        "queued, busy, signature, wanted, unroutable, customer_name, phone_digits, order_ref, document, class, "
        "legal_hold) SELECT gen_random_uuid(), 1, 'complaint', 'closed', 'AM-' || n, 'general', 'low', 'P3', 3, now(), "
        "false, false, '', '{}', false, 'Person ' || n, '', '', '{}', 'complaint', false FROM generate_series(1, :n) n",
        n=MANY,
    )  # fmt: skip
    await bench.sql(
        "INSERT INTO case_search (complaint_id, words, class, legal_hold) SELECT complaint_id, array_to_tsvector(ARRAY["
        "'n:' || md5(customer_name), 'r:' || lower(replace(reference, '-', '')), 'p:' || reverse(md5(reference))]), "
        "class, false FROM case_file"
    )
    wanted = await someone(bench, "Zoë Quist", "+442079460958", "QX-1", "AM-QQQQQQQQQQ")
    await bench.sql("ANALYZE case_file")
    await bench.sql("ANALYZE case_search")
    for q in ("zoe quist", "0207 946 0958", "am-qqqq", "qx-1"):
        plans: list[str] = []
        await _explained(bench, q, plans)
        assert "Seq Scan" not in "\n".join(plans), "\n".join(plans)
        assert "case_search_words" in "\n".join(plans)
        (found,) = (await bench.as_("zhang").get("/v1/cases", params={"q": q})).json()
        assert found["complaint_id"] == str(wanted)


async def _explained(bench: Bench, q: str, plans: list[str]) -> None:
    class Seen:
        async def execute(self, query: Any) -> list[Any]:
            made = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
            plans.extend(row[0] for row in await bench.sql("EXPLAIN " + str(made).replace(":", r"\:")))
            return []

    await views.cases(Seen(), q=q)  # type: ignore[arg-type]


def test_a_name_is_found_from_any_chinese_character_on() -> None:
    words = words_of(name="李 小龙", phone="", email="", reference="", order="")
    assert {"n:李", "n:小龙", "n:龙"} <= set(words)


async def test_many_cases_at_once_each_for_itself(bench: Bench) -> None:
    await bench.handler("zhang")
    await bench.handler("wang", presence="away")
    cases = [await bench.complaint() for _ in range(3)]
    assert await bench.rounds.round() == 3
    lena = bench.as_("lena", "lead")
    body = {"to": "wang", "reason": "zhang is ill", "note": "All are fresh."}
    named = [{"complaint_id": str(c)} for c in cases]
    stranger = str(uuid4())
    asked = {"command": "transfer", "body": body, "cases": [*named, {"complaint_id": stranger}]}
    answer = (await lena.post("/v1/cases/bulk", json=asked, headers={"Idempotency-Key": "k1"})).json()
    assert (answer["done"], answer["refused"]) == (3, 1)
    assert answer["results"][3]["problem"]["status"] == 404
    again = await lena.post("/v1/cases/bulk", json=asked, headers={"Idempotency-Key": "k1"})
    assert (again.json(), again.headers["idempotent-replayed"]) == (answer, "true")
    other = await lena.post("/v1/cases/bulk", json={**asked, "mode": "all"}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 422
    stale = {"command": "note", "body": {"text": "x"}, "cases": [{**named[0], "version": 0}, named[1]]}
    mixed = (await lena.post("/v1/cases/bulk", json=stale)).json()
    assert [r["outcome"] for r in mixed["results"]] == ["refused", "done"]


async def test_all_or_none_and_a_crash_in_the_middle(bench: Bench) -> None:
    await bench.handler("zhang")
    cases = [await bench.complaint() for _ in range(3)]
    await bench.rounds.round()
    lena = bench.as_("lena", "lead")
    named = [{"complaint_id": str(c)} for c in cases]
    await lena.post(f"/v1/cases/{cases[1]}/external", json={"body": "ombudsman"})
    asked = {"command": "pull-back", "mode": "all", "body": {"reason": "reorganised"}, "cases": named}
    refused = await lena.post("/v1/cases/bulk", json=asked)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/cases/1")
    assert (await lena.get(f"/v1/cases/{cases[0]}")).json()["state"] == "assigned", "nothing was done"
    asked["cases"] = [named[0], named[2]]
    assert (await lena.post("/v1/cases/bulk", json=asked, headers={"Idempotency-Key": "k2"})).json()["done"] == 2
    await bench.sql("UPDATE bulk SET answer = NULL")  # as if the process had died before it kept the answer
    after = (await lena.post("/v1/cases/bulk", json=asked, headers={"Idempotency-Key": "k2"})).json()
    assert (after["done"], after["refused"]) == (2, 0)
    history = (await lena.get(f"/v1/cases/{cases[0]}/history")).json()
    assert sum(h["kind"] == "transferred" for h in history) == 1, "done once"


@pytest.mark.parametrize(
    "body",
    [
        {"command": "decide", "cases": [], "body": {}},
        {"command": "note", "cases": [{"complaint_id": str(uuid4())}] * 101, "body": {"text": "x"}},
        {"command": "note", "cases": [{"complaint_id": str(UUID(int=1))}] * 2, "body": {"text": "x"}},
        {"command": "note", "cases": [{"complaint_id": str(UUID(int=1))}], "body": {}},
    ],
)
async def test_bulk_actions_that_make_no_sense_are_refused(bench: Bench, body: dict[str, Any]) -> None:
    answer = await bench.as_("zhang").post("/v1/cases/bulk", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_the_leads_moves(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, lena, path = bench.as_("zhang"), bench.as_("lena", "lead"), f"/v1/cases/{complaint_id}"
    assert (await zhang.post(f"{path}/pull-back", json={"reason": "x"})).status_code == 403
    assert (await zhang.put("/v1/handlers/zhang/capacity", json={"capacity": 1})).status_code == 403
    assert (await lena.post(f"{path}/pull-back", json={"reason": "too much"})).json()["state"] == "waiting"
    assert (await lena.put("/v1/handlers/zhang/capacity", json={"capacity": 0})).json()["capacity"] == 0
    assert (await lena.put("/v1/handlers/zhang/presence", json={"presence": "away"})).json()["presence"] == "away"
    await bench.handler("wang", capacity=0)
    assert await bench.rounds.round() == 0
    taken = (await lena.post(f"{path}/take-over", json={"reason": "my matter"})).json()
    assert (taken["state"], taken["handler"]["id"]) == ("assigned", "lena")
    given = {"to": "wang", "reason": "yours now", "note": "He is waiting for a call."}
    assert (await lena.post(f"{path}/transfer", json=given)).json()["handler"]["id"] == "wang"


COMMANDS: dict[str, dict[str, Any]] = {
    "contacts": {"direction": "out", "outcome": "reached"}, "reply": {"text": "x"}, "note": {"text": "x"},
    "enquiries": {"to": "x", "question": "y", "due": "2199-01-01T00:00:00Z"}, "call-lead": {}, "decide": DECISION,
    "ask": {"text": "x", "answer_by": "2199-01-01T00:00:00Z"}, "conflict": {"reason": "x"}, "external": {"body": "x"},
    "correction": {"wrong": "a", "right": "b", "letter_on": "2026-01-01"}, "transfer": {"reason": "x"}, "close": {},
    "take-over": {}, "pull-back": {}, "resolve": {}, "reopen": {}, "remedy-done": {"remedy_id": "r1", "evidence": "x"},
    "outside-decision": {"body": "x", "outcome": "upheld", "decided_on": "2026-01-01", "binding": True},
    "cause": {"cause": "C2_repair_quality", "reason": "x"},
}  # fmt: skip


async def test_every_command_takes_the_version_that_its_caller_saw(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    lena, path = bench.as_("lena", "lead"), f"/v1/cases/{complaint_id}"
    documented = (await lena.get("/openapi.json")).json()["paths"]
    posts = {p.rsplit("/", 1)[1] for p, m in documented.items() if "{complaint_id}/" in p and "post" in m}
    assert posts - {"answer", "attachments"} == set(COMMANDS), "every command stands in this test"
    for name, body in COMMANDS.items():
        for given, headers in (({**body, "version": 99}, {}), (body, {"If-Match": '"99"'})):
            answer = await lena.post(f"{path}/{name}", json=given, headers=headers)
            assert (answer.status_code, answer.json()["version"]) == (409, 2), name
        assert (await lena.post(f"{path}/{name}", json=body, headers={"If-Match": "x"})).status_code == 400
    sheet = {"file": ("a.txt", b"hello", "text/plain")}
    answer = await lena.post(f"{path}/attachments", files=sheet, data={"version": "99"})
    assert answer.status_code == 409


async def test_of_two_who_saw_the_same_version_one_wins(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    lena, path = bench.as_("lena", "lead"), f"/v1/cases/{complaint_id}"
    both = (lena.post(f"{path}/note", json={"text": f"n{n}", "version": 2}) for n in range(8))
    answers = await asyncio.gather(*both)
    assert sorted(a.status_code for a in answers) == [200] + [409] * 7


async def test_files_are_what_their_bytes_are(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}/attachments"
    sent = [("file", ("../报告.exe.txt", b"Test report: no fault.", "image/png"))]
    (kept,) = (await zhang.post(path, files=sent)).json()
    assert (kept["media_type"], kept["name"], kept["added_by"]) == ("text/plain", "报告.exe.txt", "zhang")
    assert len((await zhang.post(path, files=sent)).json()) == 1, "the same file once"
    back = await zhang.get(f"{path}/{kept['attachment_id']}")
    assert (back.content, back.headers["x-content-type-options"]) == (b"Test report: no fault.", "nosniff")
    assert back.headers["content-disposition"].startswith("attachment")
    for content, status in ((b"MZ\x90\x00", 422), (b"", 422), (b"\x00\x01\x02", 422)):
        refused = await zhang.post(path, files=[("file", ("a.bin", content, "text/plain"))])
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (status, "/file/0")
    assert (await zhang.post(path, json={"name": "x"})).status_code == 415
    assert (await zhang.get(f"{path}/{uuid4()}")).status_code == 404


async def test_the_whole_file_without_third_parties_and_who_took_it(bench: Bench) -> None:
    await bench.handler("zhang", name="Zhang Min")
    words = "My neighbour Arthur Pendry (07700 900123) saw that the phone is defective."
    complaint_id = await bench.complaint(words)
    await bench.rounds.round()
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await zhang.post(f"{path}/note", json={"text": "Secretly impatient."})
    await zhang.post(f"{path}/reply", json={"text": "Zhang Min here: Mr Pendry may call as well."})
    decided = (await zhang.post(f"{path}/decide", json=DECISION)).json()["decision"]
    await bench.feed(complaint_id, letter("resolution", decision_id=UUID(decided["decision_id"])))
    await zhang.post(f"{path}/attachments", files=[("file", ("report.txt", b"No fault.", "text/plain"))])
    before = (await zhang.get(path)).json()["version"]
    answer = await bench.as_("ann", "auditor").get(f"{path}/file")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        names = packed.namelist()
        content = {n: packed.read(n).decode() for n in names}
    assert {"README.txt", "case.html", "case.json", "manifest.json", "attachments/01-report.txt"} <= set(names)
    assert any(n.startswith("letters/01-resolution") for n in names)
    everything = "\n".join(content.values())
    for gone in ("Pendry", "07700 900123", "Zhang Min", "impatient"):
        assert gone not in everything, gone
    assert "Li Na" in content["case.html"]
    assert "complaint handler" in content["case.html"]
    assert json.loads(content["case.json"])["case"]["customer"]["phone"] == "+86 10 5550 1234"
    assert len(json.loads(content["manifest.json"])) == len(names) - 1
    case, history = (await zhang.get(path)).json(), (await zhang.get(f"{path}/history")).json()
    assert case["version"] == before, "taking the file stands in nobody's way"
    (taken,) = [h for h in history if h["kind"] == "file_taken"]
    assert (taken["actor"], taken["data"]["role"], len(taken["data"]["sha256"])) == ("ann", "auditor", 64)
    plain = await bench.as_("ann", "auditor").get(f"{path}/file", headers={"Accept": "application/json"})
    assert plain.json()["history"]
    assert (await bench.as_("olga", "ops").get(f"{path}/file")).status_code == 403
