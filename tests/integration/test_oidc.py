"""Signing in with an identity provider: with one that somebody else wrote, and with one that forges."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from services.routing.api.oidcpages import COOKIE as BEGUN
from services.routing.settings import Settings
from shared.base.security import COOKIE
from tests.integration.test_sign_in import account, people
from tests.support.oidc import Forger, forging_provider, independent_provider
from tests.support.routing import KEY, Bench
from tests.support.servers import Database

HOST = "http://desk.test"
ROLES = {"complaints-managers": "manager", "complaints-leads": "lead", "complaints": "handler"}


def bench_for(database: Database, issuer: str, **more: Any) -> Bench:
    given = {"oidc_issuer": issuer, "oidc_client_id": "desk", "oidc_roles": ROLES, "desk_url": HOST}
    return Bench(database, more={**given, "oidc_client_secret": "s" * 40, **more})


def browser_of(bench: Bench) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=bench.service.web), base_url=HOST)


@pytest.fixture
async def forger() -> AsyncIterator[Forger]:
    async with forging_provider() as made:
        yield made


@pytest.fixture
async def bench(database: Callable[..., Database], forger: Forger) -> AsyncIterator[Bench]:
    made = bench_for(database(), forger.issuer)
    yield made
    await made.close()


@pytest.fixture
async def browser(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_of(bench) as client:
        yield client


async def sign_in(browser: httpx.AsyncClient, forger: Forger, path: str = "/desk/oidc") -> httpx.Response:
    sent = await browser.get(path)
    assert sent.status_code == 303
    return await browser.get(await forger.agree(sent.headers["location"]))


async def who(browser: httpx.AsyncClient) -> tuple[str, str] | int:
    answer = await browser.get("/v1/session")
    return (answer.json()["name"], answer.json()["role"]) if answer.is_success else answer.status_code


async def test_an_independent_provider_signs_people_in_by_their_groups(database: Callable[..., Database]) -> None:
    async with independent_provider() as issuer, httpx.AsyncClient() as outside:
        bench = bench_for(database(), issuer)
        groups = {"u-17": ["staff", "complaints", "complaints-leads"], "u-18": ["staff"]}
        for subject, held in groups.items():
            claims = {"preferred_username": f"name-{subject}", "groups": held}
            assert (await outside.put(f"{issuer}/users/{subject}", json=claims)).is_success
        try:
            for subject, found in (("u-17", ("name-u-17", "lead")), ("u-18", 401)):
                async with browser_of(bench) as browser:
                    sent = await browser.get("/desk/oidc?next=/desk/account")
                    agreed = await outside.post(sent.headers["location"], data={"sub": subject})
                    back = await browser.get(agreed.headers["location"])
                    assert await who(browser) == found
                    assert back.status_code == (200 if found != 401 else 403)
                    if found != 401:
                        assert 'content="0;url=/desk/account"' in back.text
                        assert "Company account" in (await browser.get("/desk/account")).text
        finally:
            await bench.close()


async def test_the_cookies_are_kept_from_scripts_and_the_session_ends_like_any_other(
    bench: Bench, browser: httpx.AsyncClient, forger: Forger
) -> None:
    sent = await browser.get("/desk/oidc")
    flags = sent.headers["set-cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=lax" in flags
    assert "Path=/desk/oidc" in flags
    back = await browser.get(await forger.agree(sent.headers["location"]))
    assert "SameSite=strict" in back.headers["set-cookie"]
    assert await who(browser) == ("lena", "lead")
    kept = browser.cookies[COOKIE]
    await browser.post("/desk/sign-out", data={})
    browser.cookies.set(COOKIE, kept)
    assert await who(browser) == 401


WRONG: dict[str, dict[str, Any]] = {
    "another nonce": {"claims": {"nonce": "n"}},
    "no nonce": {"claims": {"nonce": None}},
    "made out for somebody else": {"claims": {"aud": "shop"}},
    "made out for several, and for another party": {"claims": {"aud": ["desk", "shop"], "azp": "shop"}},
    "made out for several, and nobody says for whom": {"claims": {"aud": ["desk", "shop"]}},
    "of another issuer": {"claims": {"iss": "https://evil.test"}},
    "expired": {"claims": {"exp": time.time() - 3600}},
    "without an end": {"claims": {"exp": None}},
    "signed later than now": {"claims": {"iat": time.time() + 3600}},
    "not signed": {"signer": "nobody"},
    "signed with the shared secret": {"signer": "shared secret"},
    "signed by somebody else under the same key id": {"signer": "somebody else"},
    "signed with an unknown key": {"header": {"kid": "k9"}},
    "naming nobody": {"claims": {"preferred_username": None}},
    "with a name that is none": {"claims": {"preferred_username": "a b/c"}},
    "without a group of ours": {"groups": ("staff",)},
}


async def test_a_token_that_is_not_for_this_sign_in_signs_nobody_in(
    bench: Bench, browser: httpx.AsyncClient, forger: Forger
) -> None:
    right = {"claims": {}, "header": {}, "signer": "own", "groups": forger.groups}
    for what, forged in WRONG.items():
        for name, value in {**right, **forged}.items():
            setattr(forger, name, value)
        back = await sign_in(browser, forger)
        assert back.status_code == 403, what
        assert "could not sign you in" in back.text
        assert await who(browser) == 401, what
    assert await bench.sql("SELECT 1 FROM session") == []
    for name, value in right.items():
        setattr(forger, name, value)
    assert (await sign_in(browser, forger)).status_code == 200, "and with all of it right it does"


async def test_an_answer_counts_once_in_the_browser_that_asked_and_with_its_own_state(
    bench: Bench, browser: httpx.AsyncClient, forger: Forger
) -> None:
    sent = await browser.get("/desk/oidc")
    back = await forger.agree(sent.headers["location"])
    async with browser_of(bench) as another:
        assert (await another.get(back)).status_code == 403, "an attacker's answer in a victim's browser"
    begun = browser.cookies[BEGUN]
    assert (await browser.get(back.replace("state=", "state=x"))).status_code == 403
    browser.cookies.set(BEGUN, begun, domain="desk.test", path="/desk/oidc")
    assert (await browser.get(back)).status_code == 200
    browser.cookies.set(BEGUN, begun, domain="desk.test", path="/desk/oidc")
    assert (await browser.get(back)).status_code == 403, "the code was used"
    assert (await browser.get("/desk/oidc/callback?error=access_denied")).status_code == 403


async def test_roles_follow_the_groups_keys_may_change_and_names_belong_to_who_had_them(
    bench: Bench, browser: httpx.AsyncClient, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(browser, forger)
    forger.groups = ("complaints", "complaints-managers")
    await sign_in(browser, forger)
    assert await who(browser) == ("lena", "manager")
    forger.rotate()
    monkeypatch.setattr("services.routing.oidc.KEYS_AGAIN", 0.0)  # otherwise ten seconds between two readings
    forger.name = "lena.after.marriage"
    assert (await sign_in(browser, forger)).status_code == 200
    assert await who(browser) == ("lena", "manager"), "the account belongs to the subject"

    await account(bench, "zhang")
    forger.subject, forger.name = "subject-2", "zhang"
    async with browser_of(bench) as another:
        assert (await sign_in(another, forger)).status_code == 403, "a local account of that name"
        forger.name = "lena"
        assert (await sign_in(another, forger)).status_code == 403, "somebody else's name"
    await people(bench, "disable", "lena")
    assert await who(browser) == 401
    forger.subject = "subject-1"
    assert (await sign_in(browser, forger)).status_code == 403


async def test_without_its_provider_the_desk_says_so_and_passwords_still_work(
    database: Callable[..., Database],
) -> None:
    bench = bench_for(database(), "http://127.0.0.1:9")
    try:
        async with browser_of(bench) as browser:
            refused = await browser.get("/desk/oidc")
            assert refused.status_code == 503
            assert "Password" in refused.text
    finally:
        await bench.close()
    plain = Bench(database())
    try:
        async with browser_of(plain) as browser:
            assert (await browser.get("/desk/oidc")).status_code == 404
    finally:
        await plain.close()


def test_a_provider_needs_a_client_roles_and_the_desks_address() -> None:
    given = {"database_url": "postgresql://x@y/z", "deployment_id": "d", "kafka_bootstrap": "k:1", "token_key": KEY}
    with pytest.raises(ValueError, match="OIDC_CLIENT_ID, OIDC_ROLES and DESK_URL"):
        Settings(**given, oidc_issuer="https://id.example.com")  # type: ignore[arg-type]
