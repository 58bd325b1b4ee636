"""A third language is files alone: a French customer, from the post to the answer, without code."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import HANDLER, House
from tests.support.houses import Houses
from tests.support.spines import eventually

pytestmark = pytest.mark.servers
FRENCH = Path("samples/languages/fr")
CLAIRE = "claire@customers.example"
TEXT = (
    "Bonjour, le grille-pain que j'ai acheté chez vous est en panne depuis lundi. Je vous ai appelés deux fois et "
    "personne ne m'a rappelée. Je voudrais que vous me remboursiez."
)
MONTHS = ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
          "décembre")  # fmt: skip


def day(days: int) -> str:
    """A working day so many days from now, or the first one after it."""
    found = datetime.now(UTC).date() + timedelta(days=days)
    return (found + timedelta(days=max(0, 7 - found.isoweekday()) if found.isoweekday() > 5 else 0)).isoformat()


def spoken(iso: str) -> str:
    _, month, number = iso.split("-")
    return f"{'1er' if number == '01' else int(number)} {MONTHS[int(month) - 1]}"


def decision() -> dict[str, Any]:
    told = datetime.now(UTC).date().isoformat()
    return {
        "cause": "C2_repair_quality", "examined": ["votre achat", "le registre de nos appels"],
        "issues": [{
            "id": "i1", "what": "le grille-pain en panne", "finding": "substantiated", "request": "granted",
            "facts": [{"text": "Vous nous avez appelés deux fois", "source": "appels", "date": told},
                      {"text": "Personne ne vous a rappelée", "source": "appels", "date": told}],
            "reason": "vos appels n’ont été transmis à personne",
            "apology": {"kind": "responsibility", "for": "vos deux appels sont restés sans suite"},
        }],
        "remedies": [{"type": "refund", "class": "refund", "amount": "1034.50", "currency": "EUR", "by": day(5),
                      "actor": "nous", "issue": "i1"}],
        "calls_to_action": [{"action": "gardez le ticket", "channel": "e-mail", "contact": "01 99 00 01 42",
                             "by": day(9)}],
    }  # fmt: skip


@pytest.fixture
async def house(houses: Houses) -> AsyncIterator[House]:
    async with houses("french") as made:
        folder = made.folder / "languages"
        shutil.copytree(FRENCH, folder / "fr")
        made.around = replace(made.around, environ={**made.around.environ, "AMENDS_LANGUAGES": str(folder)})
        await asyncio.to_thread(made.start)
        yield made


async def mail(house: House, word: str) -> dict[str, Any] | None:
    mails = await asyncio.to_thread(house.catcher.messages)
    return next((m for m in mails if CLAIRE in str(m["to"]) and word in str(m["subject"])), None)


async def owner(house: House, complaint: str) -> Any:
    answer = await house.call("routing", "GET", f"/v1/cases/{complaint}", None, name="lead", role="lead")
    return (answer.json().get("handler") or {}).get("id")


async def hire(house: House, name: str, languages: list[str]) -> None:
    person = {
        **HANDLER,
        "name": name.capitalize(),
        "languages": languages,
        "contact": "01 99 00 01 42",
        "authority": {"EUR": 2000},
    }
    for path, body in (("", person), ("/presence", {"presence": "available"})):
        answer = await house.call("routing", "PUT", f"/v1/handlers/{name}{path}", body, name="lead", role="lead")
        assert answer.status_code == 200, answer.text


async def test_a_french_customer_is_answered_in_french_by_somebody_who_speaks_it(house: House) -> None:
    await hire(house, "robin", ["zh", "en"])
    await hire(house, "jeanne", ["fr"])
    body = {"channel": "email", "customer": {"name": "Claire Martin", "email": CLAIRE}, "text": TEXT}
    answer = await house.call("intake", "POST", "/v1/complaints", body, name="web", role="service")
    assert answer.status_code == 201, answer.text
    complaint = answer.json()["complaint_id"]

    first = await eventually(partial(mail, house, "bien reçu"), what="the acknowledgement")
    assert "Bonjour Claire Martin," in first["text"]
    assert re.search(r"réponse au plus tard le \w+ \d", first["text"])
    assert 'lang="fr"' in first["html"]

    assert await eventually(partial(owner, house, complaint), what="somebody who has the case") == "jeanne"

    record = decision()
    path = f"/v1/complaints/{complaint}/letters/preview"
    signed = {"id": "jeanne", "name": "Jeanne", "role_title": "complaint handler", "contact": "01 99 00 01 42"}
    seen = await house.call(
        "notifier", "POST", path, {"decision": record, "handler": signed}, name="jeanne", role="handler"
    )
    assert seen.status_code == 200, seen.text
    shown = seen.json()
    assert (shown["language"], shown["gate"], shown["missing"]) == ("fr", "pass", None), shown

    path = f"/v1/cases/{complaint}/decide"
    told = await house.call("routing", "POST", path, record, name="jeanne", role="handler")
    assert told.status_code == 200, told.text
    last = await eventually(partial(mail, house, "Notre réponse à votre"), what="the answer")
    assert "Votre réclamation est fondée concernant le grille-pain en panne." in last["text"]
    assert f"{spoken(day(5))}, 1\N{NO-BREAK SPACE}034,50\N{NO-BREAK SPACE}€ vous seront remboursés" in last["text"]
    assert "Jeanne, chargée de réclamations" in last["text"]
