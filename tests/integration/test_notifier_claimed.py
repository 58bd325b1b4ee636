"""A letter that can leave at once is claimed by the transaction that writes it; what is undone sends nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from tests.support import correspondence, spines
from tests.support.notifier import Running, Servers, address, running

# What became of each letter's row, and a way to let commits fail: what a test puts into `refused`.
_WATCH = """
CREATE TABLE notifier.moved (n bigserial, id uuid, state text, tx xid8 DEFAULT pg_current_xact_id());;
CREATE TABLE notifier.refused (address text, times int);;
CREATE SEQUENCE notifier.refusals;;
CREATE FUNCTION notifier.watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  INSERT INTO notifier.moved (id, state) VALUES (NEW.id, NEW.state); RETURN NULL; END $$;;
CREATE FUNCTION notifier.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  IF EXISTS (SELECT 1 FROM notifier.refused r WHERE r.address = NEW.address
             AND nextval('notifier.refusals') <= r.times) THEN
    RAISE EXCEPTION 'not now' USING ERRCODE = '40001';
  END IF; RETURN NULL; END $$;;
CREATE TRIGGER watch AFTER INSERT OR UPDATE OF state ON notifier.letter FOR EACH ROW EXECUTE FUNCTION notifier.watch();;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON notifier.letter DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION notifier.refuse();;
"""


@pytest.fixture(scope="module")
async def w(
    notifier_servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:  # fmt: skip
    async with running(notifier_servers, tmp_path_factory.mktemp("n")) as one:
        async with one.pools.transaction() as tx:
            for statement in _WATCH.split(";;\n"):
                if statement.strip():
                    await tx.exec_driver_sql(statement)
        yield one


async def owed(w: Running, complaint: UUID, **person: Any) -> None:
    """An acknowledgement is owed."""
    clocks = correspondence.clocks(decision=correspondence.later(days=5))
    await w.tell(complaint, correspondence.received(**person), correspondence.triaged(), clocks)


async def states(w: Running, letter: str) -> list[str]:
    rows = await w.rows("SELECT state FROM notifier.moved WHERE id = CAST(:id AS uuid) ORDER BY n", id=letter)
    return [row.state for row in rows]


async def at_rest() -> bool:
    return REGISTRY.get_sample_value("amends_letters_in_flight") == 0


async def test_a_letter_that_leaves_at_once_is_never_only_ready(w: Running) -> None:
    complaint = uuid4()
    await owed(w, complaint, email=address(complaint))
    letter = await w.settled(complaint, "acknowledgement", "sent")
    assert await states(w, letter["id"]) == ["sending", "sent"]
    assert letter["attempts"] == 1
    await spines.eventually(at_rest)


async def test_a_transaction_that_fails_at_its_commit_sends_nothing_and_its_repetition_once(w: Running) -> None:
    complaint = uuid4()
    to = address(complaint)
    await w.rows("INSERT INTO notifier.refused VALUES (:to, 3) RETURNING times", to=to)
    await owed(w, complaint, email=to)
    letter = await w.settled(complaint, "acknowledgement", "sent")
    [refusals] = await w.rows("SELECT last_value FROM notifier.refusals")
    assert refusals.last_value > 3
    await asyncio.sleep(0.5)
    assert len(w.smtp.to(to)) == 1
    assert await states(w, letter["id"]) == ["sending", "sent"]
    await spines.eventually(at_rest)


async def test_an_address_on_the_list_gets_nothing_from_it_either(w: Running) -> None:
    complaint = uuid4()
    to = address(complaint)
    await w.rows(
        "INSERT INTO suppressed (address, reason, at, class) VALUES (:to, 'asked us', now(), 'contact') "
        "RETURNING address", to=to,
    )  # fmt: skip
    await owed(w, complaint, email=to)
    letter = await w.settled(complaint, "acknowledgement", "failed")
    assert "take no letters" in letter["reason"]
    assert w.smtp.to(to) == []


async def test_more_letters_than_there_is_room_for_are_all_sent_once(w: Running) -> None:
    complaints = [uuid4() for _ in range(40)]
    for complaint in complaints:
        await owed(w, complaint, email=address(complaint))
    for complaint in complaints:
        await w.settled(complaint, "acknowledgement", "sent")
        assert len(w.smtp.to(address(complaint))) == 1
    assert w.smtp.most_at_once <= 2
    await spines.eventually(at_rest)


async def test_a_backlog_is_sent_by_as_many_at_once_as_may_be_though_few_were_held_when_it_came(w: Running) -> None:
    """A backlog that is sent letter by letter is never caught up with."""
    w.smtp.slow_seconds = 2.5
    slow = uuid4()
    await owed(w, slow, email="slow@customers.example")
    await w.settled(slow, "acknowledgement", "sending")
    [sender] = [one.run.__self__ for one in w.service.loops if one.name == "sender"]  # type: ignore[attr-defined]
    sender._full = True  # as when the last free place was taken while all the others were being settled
    complaints = [uuid4() for _ in range(60)]
    for complaint in complaints:
        await owed(w, complaint, email=address(complaint))
    for complaint in complaints:
        await w.settled(complaint, "acknowledgement", "sent")
    [[transactions]] = await w.rows(
        "SELECT count(DISTINCT m.tx) FROM notifier.moved m JOIN letter USING (id) "
        "WHERE m.state = 'sent' AND complaint_id = ANY(:ids)", ids=complaints,
    )  # fmt: skip
    assert transactions <= len(complaints) // 2
