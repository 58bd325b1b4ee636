"""Who signed in, with a password or at the identity provider, sees the customer's letter at the desk."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from services.routing import accounts
from tests.integration.test_third_language import day
from tests.support.house import House
from tests.support.houses import Houses
from tests.support.oidc import independent_provider
from tests.support.spines import eventually

pytestmark = pytest.mark.servers
PASSWORD = "seven green lamps"
TEXT = "The toaster that I bought from you broke on Monday, and nobody called me back. I want a refund."


@pytest.fixture
async def house(houses: Houses) -> AsyncIterator[House]:
    async with houses("signed_in") as made:
        yield made


def form() -> dict[str, str]:
    told = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    return {
        "issues": "1", "remedies": "1",
        "examined": "your order\nthe test report", "cause": "C1_product_quality", "i0-what": "the broken toaster",
        "i0-finding": "substantiated", "i0-request": "granted", "i0-fact": "The heating wire is broken",
        "i0-source": "test report", "i0-date": told, "i0-reason": "the wire was broken from the start",
        "i0-apology": "responsibility", "i0-for": "the broken wire", "r0-type": "refund", "r0-class": "refund",
        "r0-issue": "i1", "r0-amount": "34", "r0-currency": "GBP", "r0-by": day(5), "r0-actor": "we",
        "c-action": "keep the receipt", "c-channel": "email", "c-contact": "010 555 0100", "c-by": day(9),
    }  # fmt: skip


async def owner(house: House, complaint: str) -> Any:
    answer = await house.call("routing", "GET", f"/v1/cases/{complaint}", None, name="lead", role="lead")
    return (answer.json().get("handler") or {}).get("id")


async def given(house: House) -> str:
    """A case that robin has; the page on which its letter is seen."""
    await house.hire()
    body = {"channel": "web", "customer": {"name": "Ada Example", "email": "ada@customers.example"}, "text": TEXT}
    complaint = (await house.call("intake", "POST", "/v1/complaints", body, name="web", role="service")).json()
    case = complaint["complaint_id"]
    assert await eventually(partial(owner, house, case), what="somebody who has the case") == "robin"
    return f"/desk/cases/{case}/preview"


async def shown_to(browser: httpx.AsyncClient, page: str) -> str:
    """The page with the letter, for who is signed in."""

    async def letter() -> str | None:
        text = (await browser.post(page, data=form())).text
        return text if "Dear Ada Example," in text else None

    return str(await eventually(letter, what="the letter beside the form"))


async def test_the_letter_stands_beside_the_form_of_who_signed_in_and_for_nobody_else(house: House) -> None:
    await asyncio.to_thread(house.start)
    await house.query(
        "INSERT INTO routing.account (name, role, password, made_at, changed_at) "
        "VALUES ('robin', 'handler', $1, now(), now())",
        accounts.hashed(PASSWORD),
    )
    page = await given(house)
    async with httpx.AsyncClient(base_url=house.url("routing"), timeout=30) as browser:
        assert "Dear Ada Example," not in (await browser.post(page, data=form())).text
        signed = await browser.post("/desk/sign-in", data={"name": "robin", "password": PASSWORD})
        assert signed.status_code == 303

        shown = await shown_to(browser, page)
        assert "We uphold your complaint about the broken toaster." in shown
        assert 'class="part-remedy"' in shown
        over = await browser.post(f"{house.url('notifier')}/v1/letters/lint", json={
            "text": "We will reply as soon as possible.", "language": "en", "kind": "reply",
        })  # fmt: skip
        assert (over.status_code, over.json()["gate"]) == (200, "block")  # the same cookie at the notifier itself
        await browser.post("/desk/sign-out")
        assert "Dear Ada Example," not in (await browser.post(page, data=form())).text


async def test_who_came_from_the_identity_provider_sees_it_too(house: House) -> None:
    async with independent_provider() as issuer:
        provider = {
            "OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": "desk", "OIDC_CLIENT_SECRET": "s" * 40,
            "OIDC_ROLES": '{"complaints": "handler"}',
        }  # fmt: skip
        more = {f"AMENDS_{name}": value for name, value in provider.items()}
        house.around = replace(house.around, environ={**house.around.environ, **more})
        await asyncio.to_thread(house.start)
        page = await given(house)
        async with (
            httpx.AsyncClient(timeout=30) as outside,
            httpx.AsyncClient(base_url=house.url("routing"), timeout=30) as browser,
        ):
            claims = {"preferred_username": "robin", "groups": ["complaints"]}
            assert (await outside.put(f"{issuer}/users/u-17", json=claims)).is_success
            sent = await browser.get("/desk/oidc")
            agreed = await outside.post(sent.headers["location"], data={"sub": "u-17"})
            assert "Dear Ada Example," not in (await browser.post(page, data=form())).text
            assert (await browser.get(agreed.headers["location"])).status_code == 200
            assert "We uphold your complaint about the broken toaster." in await shown_to(browser, page)
