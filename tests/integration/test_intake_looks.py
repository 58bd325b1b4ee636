"""The customers' pages in a real browser: readable on a telephone, accessible, and complete without JavaScript."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake.handlers import HANDLERS
from services.intake.model import Case
from services.intake.store.cases import Store
from shared.base.security import COOKIE
from shared.events import escalation, notifier, routing
from shared.events.common import ClockView, Staff, Text
from shared.events.envelope import Event
from shared.spine.spine import Spine
from shared.spine.unit import Work
from tests.integration.test_intake import Intake, complaint, running
from tests.support.browser import DESKTOP, PHONE, Page, browser, served
from tests.support.scale import FULL
from tests.support.servers import Database
from tests.support.spines import settings

# AMENDS_PICTURES=docs/pictures keeps what the tests see.
PICTURES = os.environ.get("AMENDS_PICTURES")
# The two in the middle are each language once and each width once.
BOTH = (("en", DESKTOP), ("en", PHONE), ("zh", DESKTOP), ("zh", PHONE))
STAFF = Staff(id="h1", name="Zhang Min", role_title="Complaints specialist", contact="010-5550100")
LEAD = Staff(id="l1", name="Wang Lei", role_title="Team lead", contact="010-5550101")


@pytest.fixture
async def own(database: Callable[..., Database]) -> Database:
    return database()


@pytest.fixture
async def intake(own: Database) -> AsyncIterator[Intake]:
    async with running(own, form_posts=1000) as made:
        yield made


@pytest.fixture
async def work(own: Database) -> AsyncIterator[Work[Case]]:
    spine: Spine[Case] = Spine(
        settings(own, "intake", "127.0.0.1:1", "none"), service="intake", store=Store(timedelta(days=1)), handlers={}
    )
    yield spine.work
    await spine.closed()


async def tell(work: Work[Case], complaint_id: UUID, *told: Any) -> None:
    """As if the other services had said so."""

    def decide(case: Any, now: datetime) -> list[Any]:
        for n, payload in enumerate(told):
            event = Event(uuid4(), complaint_id, payload, now + timedelta(seconds=n), 1, "d")
            assert list(HANDLERS[type(payload)](case, event, now)) == []
        return []

    await work.command(complaint_id, decide)


def clocks(*kinds: tuple[str, int], state: Any = "running") -> escalation.ClocksChanged:
    now = datetime.now(UTC).replace(hour=9, minute=0)
    return escalation.ClocksChanged(
        clocks=tuple(
            ClockView(
                id=uuid4(), kind=kind, pack="house", pack_version=1, state=state, started_at=now,
                due_at=now + timedelta(days=days), version=1, pausable=True, legal=False,
                explanation=Text(zh="", en=""),
            )
            for kind, days in kinds
        )
    )  # fmt: skip


async def story(intake: Intake, work: Work[Case], *, decided: bool = False) -> str:
    """A complaint that is under way; the path of its tracking page."""
    words = "The parcel that I ordered on 3 June never came, and nobody answers my mails."
    kept = (await intake.post(complaint(text=words, wanted={"kind": "refund"}))).json()
    said: list[Any] = [
        clocks(("first_response", 2), ("next_update", 5), ("decision", 10)),
        routing.ComplaintAssigned(handler=STAFF, lead=LEAD, mode="offer"),
        routing.ContactMade(
            contact_id=uuid4(), direction="out", channel="hotline", outcome="reached", at=datetime.now(UTC), by=STAFF.id
        ),
        clocks(("next_update", 5), ("decision", 10)),
    ]
    if decided:
        person = uuid4()
        said += [
            routing.ComplaintDecided(
                decision_id=uuid4(), stage=1, overall="partly", cause="unknown", handler=STAFF, personal={}
            ),
            notifier.LetterSent(
                letter_id=uuid4(), kind="resolution", language="en", channel="email", message_id="<ours@amends>",
                sent_at=datetime.now(UTC), trigger=uuid4(), template_version="1",
                personal={person: notifier.LetterText(subject="Our decision", text="We refund you 20 GBP by 3 July.")},
            ),
            clocks(),
        ]  # fmt: skip
    await tell(work, UUID(kept["complaint_id"]), *said)
    return str(kept["tracking_url"]).removeprefix("http://127.0.0.1:8001")


async def mailed_twice(intake: Intake) -> str:
    """The page of a mail whose sender mailed about something else an hour later."""
    for words in ("The kettle is broken, I want my money back.", "Your courier shouted at my mother."):
        await intake.mail(f"From: li@example.com\r\nMessage-ID: <{uuid4()}@x>\r\n\r\n{words}\r\n".encode())
    urls = [body["tracking_url"] for _, body in await intake.events() if body.get("thread")]
    return str(urls[0]).removeprefix("http://127.0.0.1:8001")


async def look(page: Page, url: str, name: str, **more: Any) -> list[str]:
    """Open a page at a telephone's and a desktop's width in both languages: what is wrong with it."""
    wrong = []
    for language, size in BOTH if FULL or PICTURES else BOTH[1:3]:
        await page.open(url, size=size, language=language, **more)
        where = f"{name} {language} {size[0]}px"
        if await page.overflows():
            wrong.append(f"{where}: wider than the window")
        found = await page.accessibility()
        wrong += [
            f"{where}: {rule}: {what} {nodes}"
            for impact, rule, what, nodes in found
            if impact in ("serious", "critical")
        ]
        if PICTURES:
            await page.picture(Path(PICTURES) / f"{name}-{language}-{size[0]}.png")
    return wrong


async def test_every_page_is_accessible_and_fits_in_both_languages(intake: Intake, work: Work[Case]) -> None:
    async with served(intake.service.web) as base, browser() as page:
        wrong: list[str] = []
        for name in ("complain", "quick", "comment", "promise", "track"):
            wrong += await look(page, f"{base}/{name}", name if name != "track" else "find")
        wrong += await look(page, f"{base}/track/AM-7K2M9Q4T17", "unlock")
        wrong += await look(page, base + await story(intake, work), "track")
        wrong += await look(page, base + await story(intake, work, decided=True), "answered")
        wrong += await look(page, base + await mailed_twice(intake), "mailed_twice")
        staff = {COOKIE: intake.staff("handler", "Kim").get("Authorization", "").removeprefix("Bearer ")}
        wrong += await look(page, f"{base}/agent?q=ada+ex", "agent", cookies=staff)
        wrong += await look(page, f"{base}/agent/links", "links", cookies=staff)
        assert wrong == []


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, "The dates will stand here in a moment."),
        (clocks(("decision", 10), state="paused"), "Time waits for your answer"),
        (clocks(("decision", 10), state="met"), "No promise is open."),
    ],
)
async def test_what_is_said_where_no_date_runs(
    intake: Intake, work: Work[Case], known: escalation.ClocksChanged | None, said: str
) -> None:
    kept = (await intake.post(complaint())).json()
    if known:
        await tell(work, UUID(kept["complaint_id"]), known)
    path = kept["tracking_url"].removeprefix("http://127.0.0.1:8001")
    assert said in (await intake.client.get(path, headers={"Accept-Language": "en"})).text


SEND_TOO_MUCH = """
const chosen = new DataTransfer();
chosen.items.add(new File([new Uint8Array(45e6)], "film.mov"));
document.querySelector("input[type=file]").files = chosen.files;
document.querySelector("textarea[name=text]").value = "It broke.";
document.querySelector("form[method=post]").submit();
"""


async def test_a_browser_that_sends_too_much_shows_why(intake: Intake) -> None:
    async with served(intake.service.web) as base, browser() as page:
        await page.open(f"{base}/complain")
        await page.evaluate(SEND_TOO_MUCH)
        for _ in range(100):
            await asyncio.sleep(0.1)
            if "too large" in await page.evaluate("document.body ? document.body.innerText : ''"):
                return
        pytest.fail(await page.evaluate("document.body.innerText"))
