"""Templates are content: uploaded after a check, written with at once, rolled back; each letter keeps its version."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.support import correspondence
from tests.support.notifier import Running, Servers, address, running


@pytest.fixture(scope="module")
async def w(
    notifier_servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:
    """A running notifier."""
    async with running(notifier_servers, tmp_path_factory.mktemp("notifier")) as one:
        yield one


async def acknowledged(w: Running) -> tuple[str, str]:
    """The text and the template version of a new complaint's acknowledgement."""
    complaint = uuid4()
    clocks = correspondence.clocks(decision=correspondence.later(days=5))
    await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(), clocks)
    letter = await w.settled(complaint, "acknowledgement", "sent")
    return letter["text"], letter["template_version"]


async def test_templates_change_without_a_deploy_and_go_back(w: Running) -> None:
    manager = w.client("manager")
    before, version = await acknowledged(w)
    assert "Thank you for telling us." in before
    document = (await manager.get("/v1/templates/en")).json()["document"]
    kinder = document.replace("Thank you for {telling}.", "Thank you for {telling}; it helps us.")
    assert kinder != document
    bad = document.replace("Thank you for {telling}.", "We will look at it as soon as possible.")
    refused = await manager.post("/v1/templates/en", json={"document": bad, "note": "faster"})
    assert refused.status_code == 422
    assert "C2" in refused.json()["detail"]
    assert (await manager.get("/v1/templates")).json()["in_use"]["en"] == 1
    taken = await manager.post("/v1/templates/en", json={"document": kinder, "note": "warmer close"})
    assert taken.status_code == 200, taken.text
    after, newer = await acknowledged(w)
    assert "it helps us." in after
    assert (version, newer) == ("en-1", "en-2")
    listed = (await manager.get("/v1/templates")).json()
    [edition] = listed["editions"]
    assert (edition["edition"], edition["note"], edition["in_use"]) == (2, "warmer close", True)
    assert edition["author"]
    back = await manager.post("/v1/templates/en/rollback", json={"edition": 1})
    assert back.status_code == 200, back.text
    again, old = await acknowledged(w)
    assert ("it helps us." in again, old) == (False, "en-1")
    assert (await manager.post("/v1/templates/en/rollback", json={"edition": 9})).status_code == 404
    assert (await manager.post("/v1/templates/fr", json={"document": "x", "note": "y"})).status_code == 404
    for wrong in ("[", "just words", "language: en", "a: {b: [1, 2"):
        answer = await manager.post("/v1/templates/en", json={"document": wrong, "note": "x"})
        assert answer.status_code == 422
    assert (await w.client("handler").post("/v1/templates/en", json={"document": "x", "note": "y"})).status_code == 403
