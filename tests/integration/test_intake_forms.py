"""Files, representatives, the quick form, the comment card and the promise, as browsers send and ask for them."""

import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from services.intake import promise
from tests.integration.test_intake import Intake, complaint, running
from tests.integration.test_intake_pages import TYPED
from tests.support.receiver import receiver
from tests.support.servers import Database
from tests.unit.test_uploads import PLACE, photo

PACKS = Path(__file__).parents[2] / "services/escalation/packs"


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database()) as made:
        yield made


def path_of(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def test_files_come_with_the_form_without_where_they_were_taken(intake: Intake) -> None:
    files = [
        ("files", ("C:\\me\\IMG 1.jpg", photo("JPEG"), "image/jpeg")),
        ("files", ("bill.pdf", b"%PDF-1.7 x", "x/y")),
    ]
    where = path_of(await intake.client.post("/complain?lang=en", data=TYPED, files=files))
    again = await intake.client.post("/complain?lang=en", data=TYPED, files=files)
    assert path_of(again) == where, "sent twice, kept once"
    [(_, body)] = await intake.events()
    assert [a["media_type"] for a in body["attachments"]] == ["image/jpeg", "application/pdf"]
    [person] = body["personal"].values()
    assert sorted(person["file_names"].values()) == ["IMG 1.jpg", "bill.pdf"]
    kept = [bytes(row.content) for row in await intake.rows("SELECT content FROM file")]
    assert len(kept) == 2
    assert not any(PLACE in content for content in kept)
    page = (await intake.client.get(where)).text
    link = re.search(r'href="(/track/[^"]+/files/[^"]+)" download="bill.pdf"', page)
    assert link
    got = await intake.client.get(link[1].replace("&amp;", "&"))
    assert (got.content, got.headers["content-disposition"]) == (b"%PDF-1.7 x", "attachment")
    assert (await intake.client.get(link[1].partition("?")[0])).status_code == 404, "for who holds the link"


async def test_files_are_not_to_be_chosen_again_when_a_field_is_wrong(intake: Intake) -> None:
    files = [("files", ("bill.pdf", b"%PDF-1.7 x", "application/pdf")), ("files", ("x.exe", b"MZ..", "image/png"))]
    wrong = await intake.client.post("/complain?lang=en", data=TYPED, files=files)
    assert wrong.status_code == 422
    assert "“x.exe” is a program" in wrong.text
    assert TYPED["text"] in wrong.text
    held = re.search(r'name="held" value="([^"]+)" checked>bill.pdf', wrong.text)
    assert held
    forged = held[1][:-1] + ("0" if held[1][-1] != "0" else "1")
    path_of(await intake.client.post("/complain", data={**TYPED, "key": "f2", "held": forged}))
    path_of(await intake.client.post("/complain", data={**TYPED, "held": held[1]}))
    bodies = [body for _, body in await intake.events()]
    assert [len(body["attachments"]) for body in bodies] == [0, 1]
    [row] = await intake.rows("SELECT class AS sort, delete_after > now() + interval '1 year' AS long FROM file")
    assert (row.sort, row.long) == ("attachment", True)


@pytest.mark.parametrize(
    "files",
    [
        [("files", (f"{n}.txt", b"words", "text/plain")) for n in range(11)],
        [("files", (f"{n}.txt", b"a" * 9_000_000, "text/plain")) for n in range(3)],
    ],
    ids=["eleven files", "27 MB"],
)
async def test_too_much_is_said_on_the_page(intake: Intake, files: list[tuple[str, tuple[str, bytes, str]]]) -> None:
    answer = await intake.client.post("/complain?lang=en", data=TYPED, files=files)
    assert answer.status_code == 422
    assert "At most ten files of 25 MB together" in answer.text
    assert TYPED["text"] in answer.text
    assert await intake.types() == []


async def test_a_body_beyond_all_bounds_gets_a_page_when_a_browser_sent_it(intake: Intake) -> None:
    files = [("files", ("film.mov", b"a" * 42_000_000, "video/quicktime"))]
    page, document = [
        await intake.client.post(
            "/complain", data=TYPED, files=files, headers={"Accept": accept, "Accept-Language": "zh"}
        )
        for accept in ("text/html,application/xhtml+xml", "*/*")
    ]
    assert (page.status_code, page.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert "文件太大" in page.text
    assert (document.status_code, document.headers["content-type"]) == (413, "application/problem+json")
    nowhere = await intake.client.get("/complian", headers={"Accept": "text/html"})
    assert (nowhere.status_code, "There is no such page" in nowhere.text) == (404, True)


async def test_more_comes_with_files_from_the_tracking_page(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()
    path, _, token = kept["tracking_url"].removeprefix("http://127.0.0.1:8001").partition("?t=")
    said = {"t": token, "text": "Here it is.", "key": "m"}
    good = [("files", ("photo.png", photo("PNG"), "image/png"))]
    wrong = await intake.client.post(f"{path}/messages", data=said, files=[("files", ("a.zip", b"PK\x03\x04", "x/y"))])
    assert wrong.status_code == 422
    assert "Here it is." in wrong.text
    path_of(await intake.client.post(f"{path}/messages", data=said, files=good))
    (_, body) = (await intake.events())[-1]
    assert [a["media_type"] for a in body["attachments"]] == ["image/png"]


async def test_who_speaks_for_somebody_follows_it_with_their_own_contact(intake: Intake) -> None:
    typed = {"text": "My father was charged twice.", "name": "Li Na", "email": "na@example.com", "on_behalf": "yes",
             "for_name": "Li Wei", "relation": "daughter", "authority": "claimed", "key": "b"}  # fmt: skip
    page = (await intake.client.get(path_of(await intake.client.post("/complain?lang=en", data=typed)))).text
    assert "Your PIN is" not in page, "there is a contact"
    reference = re.search(r"AM-[0-9A-Z]{10}", page)
    assert reference
    [(_, body)] = await intake.events()
    assert (body["representation"]["relation"], body["representation"]["authority"]) == ("daughter", "claimed")
    names = {person["name"] for person in body["personal"].values()}
    assert names == {"Li Wei", "Li Na"}
    path_of(await intake.client.post(f"/track/{reference[0]}", data={"contact": "NA@example.com"}))
    stranger = await intake.client.post(f"/track/{reference[0]}", data={"contact": "wei@example.com"})
    assert stranger.status_code == 403


async def test_two_fields_and_a_card_are_enough(intake: Intake) -> None:
    quick = {"text": "Still no internet.", "contact": "138 0013 8000", "key": "q"}
    path_of(await intake.client.post("/quick", data=quick))
    card = {"kind": "praise", "text": "Zhang Min was wonderful, nobody was late.", "site": "Shop 3", "key": "c"}
    thanks = (await intake.client.get(path_of(await intake.client.post("/comment?lang=en", data=card)))).text
    assert "Praise" in thanks or "praise" in thanks
    events = await intake.events()
    assert [(kind, body.get("kind")) for kind, body in events] == [
        ("complaint.received.v1", None), ("message.received.v1", "praise")
    ]  # fmt: skip
    filled = (await intake.client.get("/comment?kind=suggestion&site=Shop+3")).text
    assert 'value="suggestion" checked' in filled
    assert 'value="Shop 3"' in filled


async def closed_before(intake: Intake, *, days: int) -> bool:
    """Whether the page of a complaint that was closed so many days ago offers to open it again."""
    kept = (await intake.post(complaint(), f"closed{days}")).json()
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    ended = {"at": at, "what": "closed", "with": {}}
    document = {"stage": "closed", "clocks": [], "chased_at": [], "timeline": [ended]}
    await intake.rows(
        "INSERT INTO tracking (complaint_id, version, open, document) "
        "VALUES (CAST(:id AS uuid), 1, false, CAST(:document AS jsonb)) RETURNING 1",
        id=kept["complaint_id"], document=json.dumps(document),
    )  # fmt: skip
    path = kept["tracking_url"].removeprefix("http://127.0.0.1:8001")
    return "It is not solved" in (await intake.client.get(path)).text


async def test_the_promise_is_made_from_the_policy_that_escalation_publishes(database: Callable[..., Database]) -> None:
    pack = yaml.safe_load((PACKS / "house-tiered.yaml").read_text())
    published = {
        **pack,
        "reopen_days": 40,
        "version": 3,
        "active": True,
        "legal": False,
        "in_force_from": "2026-11-01T00:00:00Z",
    }
    body = json.dumps([published, {**published, "version": 1, "clocks": []}], default=str).encode()
    async with receiver() as escalation:
        escalation.last = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        async with running(database(), escalation_url=escalation.url.removesuffix("/hook")) as intake:
            page = (await intake.client.get("/promise")).text
            chinese = (await intake.client.get("/promise", headers={"Accept-Language": "zh"})).text
            assert await closed_before(intake, days=39) is True
            assert await closed_before(intake, days=41) is False, "the policy in force says forty days"
        assert len(escalation.posts) == 1, "asked once a minute at most"
        assert escalation.posts[0].headers["authorization"].startswith("Bearer ")
    assert "Within 10 working days you have our answer in writing" in page
    assert "2个工作日内，负责您投诉的人会亲自与您联系" in chinese
    assert "version 3" in page


async def test_the_promise_stands_without_escalation(database: Callable[..., Database]) -> None:
    async with running(database(), escalation_url="http://127.0.0.1:1") as intake:
        page = await intake.client.get("/promise")
    assert page.status_code == 200
    assert "your own page" in page.text


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("1wd", "1 working day"),
        ("30bmin", "30 working minutes"),
        ("15cd", "15 days"),
        ("6mo", "6 months"),
        ("soon", None),
    ],
)
def test_limits_are_said_as_people_say_them(limit: str, said: str | None) -> None:
    assert promise.limit(limit, "en") == said
