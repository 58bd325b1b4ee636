"""Signing in: one account for every service, answers that tell nothing, tries that run out, and sign-ins that end."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from services.routing import accounts
from services.routing.store import accounts as store
from shared.base.security import COOKIE, Authenticator, Caller, issue, verify
from shared.base.sessions import FRESH, PATIENCE, AskRouting
from tests.support.browser import served
from tests.support.routing import KEY, Bench
from tests.support.servers import Database

PASSWORD = "seven green lamps"


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    yield made
    await made.close()


@pytest.fixture
async def browser(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=bench.service.web)
    async with httpx.AsyncClient(transport=transport, base_url="http://routing") as client:
        yield client


async def people(bench: Bench, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    """`amends people …` as operations call it."""
    command = [sys.executable, "-m", "services.cli", "people", *arguments]
    environment = {"AMENDS_DATABASE_URL": bench.database.url("routing"), "PATH": "/usr/bin:/bin"}
    return await asyncio.to_thread(
        subprocess.run, command, input=typed, env=environment, capture_output=True, text=True, timeout=60
    )


async def account(bench: Bench, name: str = "zhang", role: str = "handler") -> None:
    """As `amends people add` makes it, without the half second that a process takes."""
    async with bench.spine.db.transaction() as tx:
        assert await store.add(tx, name, role, password=accounts.hashed(PASSWORD), subject=None)


async def enter(
    browser: httpx.AsyncClient, name: str = "zhang", password: str = PASSWORD, **more: str
) -> httpx.Response:
    return await browser.post("/desk/sign-in", data={"name": name, "password": password, **more})


async def test_an_account_signs_in_and_out_and_the_old_cookie_is_worth_nothing(
    bench: Bench, browser: httpx.AsyncClient
) -> None:
    await account(bench)
    answer = await enter(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    flags = answer.headers["set-cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=strict" in flags
    kept = browser.cookies[COOKIE]
    known = verify(kept, KEY)
    assert known is not None
    assert (known.name, known.role) == ("zhang", "handler")
    assert known.session
    assert "My work" in (await browser.get("/desk")).text
    assert (await browser.get("/v1/session")).json()["name"] == "zhang"
    assert (await browser.post("/desk/sign-out", data={})).status_code == 303
    browser.cookies.set(COOKIE, kept)
    assert (await browser.get("/v1/session")).status_code == 401
    assert "Password" in (await browser.get("/desk")).text


async def test_what_is_stored_is_argon2_and_never_the_password(bench: Bench, browser: httpx.AsyncClient) -> None:
    await account(bench)
    await enter(browser)
    rows = await bench.sql(
        "SELECT to_jsonb(a)::text AS row FROM account a UNION SELECT to_jsonb(s)::text FROM session s"
    )
    stored = " ".join(row.row for row in rows)
    assert "$argon2id$" in stored
    assert PASSWORD not in stored
    assert browser.cookies[COOKIE] not in stored


async def test_an_unknown_name_a_wrong_password_and_a_disabled_account_are_answered_alike(
    bench: Bench, browser: httpx.AsyncClient
) -> None:
    for name in ("zhang", "chen"):
        await account(bench, name)
    await people(bench, "disable", "chen")
    tries = {"zhang": "wrong password", "nobody": "wrong password", "chen": PASSWORD}
    pages = {name: await enter(browser, name, password) for name, password in tries.items()}
    assert {page.status_code for page in pages.values()} == {401}
    assert len({page.text for page in pages.values()}) == 1
    assert "not right" in pages["nobody"].text
    api = [await browser.post("/v1/sessions", json={"name": n, "password": p}) for n, p in tries.items()]
    assert {(answer.status_code, answer.text) for answer in api} == {(401, api[0].text)}


async def test_an_unknown_name_takes_as_much_work_as_a_wrong_password(bench: Bench, browser: httpx.AsyncClient) -> None:
    """In processor time, which a busy machine does not stretch: without the comparison it would be a tenth."""
    await account(bench)
    spent: dict[str, list[float]] = {"zhang": [], "nobody": []}
    for _ in range(7):
        for name, times in spent.items():
            began = time.process_time()
            await enter(browser, name, "a wrong password")
            times.append(time.process_time() - began)
    known, unknown = (sorted(times)[3] for times in spent.values())
    assert 0.6 < unknown / known < 1.7, spent


async def test_tries_run_out_per_name_even_when_they_come_together_and_whether_or_not_it_exists(
    bench: Bench, browser: httpx.AsyncClient
) -> None:
    await account(bench)
    for name in ("zhang", "nobody"):
        answers = await asyncio.gather(*(enter(browser, name, f"guess number {n}") for n in range(accounts.TRIES + 4)))
        assert sorted(a.status_code for a in answers) == [401] * accounts.TRIES + [429] * 4
        late = await enter(browser, name)
        assert late.status_code == 429
        assert 0 < int(late.headers["retry-after"]) <= accounts.WINDOW.total_seconds()
    await bench.sql("UPDATE sign_in_attempt SET at = at - interval '16 minutes'")
    assert (await enter(browser)).status_code == 303
    assert (await bench.sql("SELECT count(*) AS n FROM sign_in_attempt"))[0].n == 0


async def test_disabling_and_a_new_password_end_every_sign_in(bench: Bench, browser: httpx.AsyncClient) -> None:
    await account(bench)
    for command, typed in (("disable", ""), ("set-password", "eight blue lamps\n")):
        await enter(browser)
        assert (await browser.get("/v1/session")).status_code == 200
        flags = ["--password-stdin"] if typed else []
        done = await people(bench, command, "zhang", *flags, typed=typed)
        assert done.stdout.endswith("1 sign-in(s) ended\n"), done.stderr
        assert (await browser.get("/v1/session")).status_code == 401
        await people(bench, "enable", "zhang")
    assert (await enter(browser)).status_code == 401
    assert (await enter(browser, password="eight blue lamps")).status_code == 303


async def test_one_sign_in_is_ended_without_the_others_and_then_all(bench: Bench, browser: httpx.AsyncClient) -> None:
    await account(bench)
    tokens = [(await browser.post("/v1/sessions", json={"name": "zhang", "password": PASSWORD})).json() for _ in "123"]
    heads = [{"Authorization": f"Bearer {t['token']}"} for t in tokens]
    mine = (await browser.get("/v1/sessions", headers=heads[0])).json()
    other = next(s["session_id"] for s in mine if not s["this"])
    assert (await browser.delete(f"/v1/sessions/{other}", headers=heads[0])).json() == {"ended": 1}
    alive = [(await browser.get("/v1/session", headers=h)).status_code for h in heads]
    assert sorted(alive) == [200, 200, 401]
    await account(bench, "chen")
    stranger = (await browser.post("/v1/sessions", json={"name": "chen", "password": PASSWORD})).json()["token"]
    this = next(s["session_id"] for s in mine if s["this"])
    theirs = await browser.delete(f"/v1/sessions/{this}", headers={"Authorization": f"Bearer {stranger}"})
    assert theirs.status_code == 404
    assert (await browser.delete("/v1/sessions", headers=heads[0])).json() == {"ended": 2}
    assert {(await browser.get("/v1/session", headers=h)).status_code for h in heads} == {401}


async def test_the_account_page_changes_the_password_and_ends_the_other_sign_ins(
    bench: Bench, browser: httpx.AsyncClient
) -> None:
    await account(bench)
    other = (await browser.post("/v1/sessions", json={"name": "zhang", "password": PASSWORD})).json()["token"]
    await enter(browser)
    page = await browser.get("/desk/account")
    assert page.text.count("End it") == 2
    given = {"before": PASSWORD, "password": "nine red lamps", "again": "nine red lamps"}
    for wrong, said in (
        ({"before": "not this one"}, "The password of now"),
        ({"again": "nine red lamp"}, "not the same twice"),
        ({"password": "zhang", "again": "zhang"}, "ten characters"),
        ({"password": "aaaaaaaaaaaa", "again": "aaaaaaaaaaaa"}, "too plain"),
    ):
        refused = await browser.post("/desk/account/password", data={**given, **wrong})
        assert refused.status_code == 422
        assert said in refused.text
    assert "is changed" in (await browser.post("/desk/account/password", data=given)).text
    assert (await browser.get("/v1/session")).status_code == 200
    assert (await browser.get("/v1/session", headers={"Authorization": f"Bearer {other}"})).status_code == 401


async def test_other_sites_can_neither_sign_people_in_nor_out(bench: Bench, browser: httpx.AsyncClient) -> None:
    await account(bench)
    await enter(browser)
    for path in ("/desk/sign-in", "/desk/sign-out", "/desk/account/password"):
        forged = await browser.post(path, data={"name": "x", "password": "y"}, headers={"Origin": "https://evil.test"})
        assert forged.status_code == 403
    assert (await browser.get("/v1/session")).status_code == 200


async def test_after_signing_in_one_goes_on_to_our_own_pages_only(bench: Bench, browser: httpx.AsyncClient) -> None:
    await account(bench)
    for wanted, goes in (
        ("/desk/replies", "/desk/replies"),
        ("http://routing/desk/replies", "/desk/replies"),
        ("https://evil.test/desk", "/desk"),
        ("http://routing.evil.test/desk", "/desk"),
        ("//evil.test", "/desk"),
        ("/\\evil.test", "/desk"),
        ("javascript:alert(1)", "/desk"),
        ("http://[", "/desk"),
    ):
        assert (await enter(browser, next=wanted)).headers["location"] == goes
    beside = await enter(browser, next="http://routing:8001/agent")
    assert 'content="0;url=http://routing:8001/agent"' in beside.text


async def test_who_opens_a_page_signs_in_and_comes_back_and_a_program_is_refused(
    bench: Bench, browser: httpx.AsyncClient
) -> None:
    await account(bench, "lena", "lead")
    sent = await browser.get("/desk/shifts", headers={"Accept": "text/html"})
    assert sent.status_code == 303
    form = await browser.get(sent.headers["location"])
    assert 'name="next" value="/desk/shifts"' in form.text
    assert (await enter(browser, "lena", next="/desk/shifts")).headers["location"] == "/desk/shifts"
    browser.cookies.clear()
    refused = await browser.get("/v1/handlers")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")


async def test_the_command_line_answers_in_one_line_and_shows_no_secret(bench: Bench) -> None:
    done = await people(bench, "add", "zhang", "--role", "handler", "--password-stdin", typed=PASSWORD + "\n")
    assert (done.returncode, done.stdout) == (0, "zhang may sign in as handler\n")
    for arguments, typed, code, said in (
        (("add", "zhang", "--role", "lead", "--password-stdin"), PASSWORD, 1, "there is an account zhang already"),
        (("add", "wu", "--role", "king", "--password-stdin"), PASSWORD, 2, "no role 'king'"),
        (("add", "w u", "--role", "lead", "--password-stdin"), PASSWORD, 2, "a name has letters"),
        (("add", "wu", "--role", "lead", "--password-stdin"), "short", 2, "at least 10 characters"),
        (("add", "wu", "--role", "lead"), "", 2, "no terminal"),
        (("disable", "nobody"), "", 1, "there is no account nobody"),
    ):
        done = await people(bench, *arguments, typed=typed)
        assert done.returncode == code
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    listed = (await people(bench, "list")).stdout
    assert re.fullmatch(r"zhang +handler +password +active +0\n", listed)


async def test_the_other_services_believe_a_sign_in_for_half_a_minute_and_ask_then(
    bench: Bench, browser: httpx.AsyncClient
) -> None:
    """Real HTTP between the two; only the asking side's clock is moved."""
    await account(bench)
    token = (await browser.post("/v1/sessions", json={"name": "zhang", "password": PASSWORD})).json()["token"]
    began, moved = time.time(), 0.0
    async with served(bench.service.web) as url:
        intake = Authenticator(KEY, confirm=AskRouting(url, lambda: began + moved))
        alone = Authenticator(KEY, confirm=AskRouting("http://127.0.0.1:9", lambda: began + moved))
        strict = Authenticator(KEY)
        found = await intake.caller(token)
        assert found is not None
        assert (found.name, found.role) == ("zhang", "handler")
        assert await strict.caller(token) is None

        await people(bench, "set-role", "zhang", "lead")
        moved = FRESH + 1
        promoted = await intake.caller(token)
        assert promoted is not None
        assert promoted.role == "lead"

        await people(bench, "sign-out", "zhang")
        assert await intake.caller(token) is not None, "asked again too soon"
        moved = 2 * FRESH + 2
        assert await intake.caller(token) is None
        moved = PATIENCE - 10
        assert await alone.caller(token) is not None, "routing is being restarted: who was signed in goes on working"
        moved = PATIENCE + 10
        assert await alone.caller(token) is None


async def test_a_token_of_a_session_that_was_never_opened_is_nobody(bench: Bench, browser: httpx.AsyncClient) -> None:
    for session in ("00000000-0000-4000-8000-000000000000", "not a uuid"):
        token = issue(KEY, name="zhang", role="lead", session=session)
        answer = await browser.get("/v1/session", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    by_hand = issue(KEY, name="robot", role="service")
    known = await bench.service.web.state.auth.caller(by_hand)
    assert known == Caller("robot", "service")
