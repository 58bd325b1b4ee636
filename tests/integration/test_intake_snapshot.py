"""What ComplaintReceived carries of the customer; the page after sending; what nobody can mark later."""

from uuid import UUID

import pytest

from services.intake.model import Case
from shared.events import routing
from shared.spine.unit import Work
from tests.integration.test_intake import Intake, complaint
from tests.integration.test_intake_looks import STAFF, clocks, intake, own, tell, work
from tests.support import correspondence

__all__ = ["intake", "own", "work"]  # the fixtures

DIRECTORY = {
    "name": "Ada Example", "salutation": "Dr", "tier": "high", "language": "en", "relation": "watching",
    "emails": ["ada@example.com"],
}  # fmt: skip
FORM = {"text": "The kettle leaks.", "name": "Li Na", "email": "na@example.com", "key": "refresh"}


async def test_a_complaint_carries_what_is_known_of_the_customer(intake: Intake, work: Work[Case]) -> None:
    put = await intake.client.put("/v1/customers/c-1", json=DIRECTORY, headers=intake.bearer())
    first = (await intake.post(complaint())).json()
    await tell(
        work, UUID(first["complaint_id"]), correspondence.triaged(cause="C1_product_quality"),
        routing.ComplaintAssigned(handler=STAFF, lead=STAFF, mode="offer"),
    )  # fmt: skip
    speaks = {"name": "Li Na", "contact": "na@example.com", "relation": "carer", "authority": "verified"}
    await intake.post(complaint(text="Again.", complainant=speaks))
    _, body = (await intake.events())[-1]
    known, person = body["customer"], body["personal"][put.json()["customer_id"]]
    assert {name: known[name] for name in ("tier", "language", "relation", "complaints_12m")} == {
        "tier": "high", "language": "en", "relation": "watching", "complaints_12m": 1
    }  # fmt: skip
    assert (known["last_handler"], known["last_matter"]) == (STAFF.id, "C1_product_quality")
    assert (person["name"], person["salutation"]) == ("Ada Example", "Dr")
    assert (body["representation"]["relation"], body["representation"]["authority"]) == ("carer", "verified")


async def test_after_sending_the_page_loads_itself_once_for_the_dates(intake: Intake, work: Work[Case]) -> None:
    sent = await intake.client.post("/complain?lang=en", data=FORM)
    where = sent.headers["location"]
    page = (await intake.client.get(where)).text
    assert 'http-equiv="refresh" content="2;' in page
    assert "The dates will stand here in a moment." in page
    again = where.replace("welcome=1", "welcome=2")
    assert 'http-equiv="refresh"' not in (await intake.client.get(again)).text, "once"
    [(_, body)] = await intake.events()
    [row] = await intake.rows("SELECT complaint_id FROM complaint")
    await tell(work, row.complaint_id, clocks(("decision", 10)))
    dated = (await intake.client.get(where)).text
    assert 'http-equiv="refresh"' not in dated
    assert "our answer" in dated
    assert body["customer"]["language"] == "en"


@pytest.mark.parametrize("word", ["messages", "withdraw", "dispute"])
async def test_a_probe_cannot_be_marked_later(intake: Intake, word: str) -> None:
    kept = (await intake.post(complaint())).json()
    path = f"/v1/complaints/{kept['complaint_id']}/{word}"
    said = await intake.client.post(path, json={"text": "x", "probe": "mystery"}, headers=intake.bearer())
    assert (said.status_code, said.json()["errors"][0]["pointer"]) == (422, "/probe")
    assert [row.probe for row in await intake.rows("SELECT probe FROM complaint")] == [None]
