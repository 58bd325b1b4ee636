"""The process that `letters` measures: our writer and sender, or a bare client. Prints one result as JSON."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import uvloop
from aiosmtplib import SMTP
from pydantic import SecretStr
from sqlalchemy import text

from services.notifier import app, specimens
from services.notifier.debts import Debts
from services.notifier.handlers import Notifier
from services.notifier.letter import Kind
from services.notifier.mime import Mail, build
from services.notifier.model import Facts, LetterRow, Matter
from services.notifier.sending import Sender
from services.notifier.settings import Settings
from services.notifier.store import Outgoing, Store
from services.notifier.writer import Writer
from shared.base.runtime import collect_rarely
from shared.events.envelope import Event
from shared.spine.spine import Spine
from tests.bench.measure import Run, cpu_between, cpu_seconds
from tests.support import correspondence
from tests.support.spines import running

CONNECTIONS = 8  # of the reference; ours are as many as by default
BATCH = 100  # complaints per transaction, as a consumer under load has them
TRIES = 400


def settings(given: dict[str, Any]) -> Settings:
    return Settings(
        database_url=SecretStr(given.get("database", "postgresql://u:p@127.0.0.1/none")),
        deployment_id=given.get("deployment", "bench"), kafka_bootstrap=given.get("bootstrap", "127.0.0.1:1"),
        token_key=SecretStr("k" * 32), smtp_url=f"smtp://127.0.0.1:{given.get('port', 25)}",
    )  # fmt: skip


def complaint(n: int) -> Facts:
    """The n-th complaint, triaged, its clocks not yet known."""
    facts = specimens.facts("zh" if n % 2 else "en", trigger=uuid4(), customer_id=uuid4(), clocks={})
    person = facts.person.model_copy(update={"email": f"customer{n}@example.org"})
    return facts.model_copy(update={"person": person, "clocks_known": False, "triaged": True})


async def ours(given: dict[str, Any]) -> Run:
    """The notifier's own parts, wired as its composition root does."""
    collect_rarely()
    wanted = settings(given)
    writer = app.read_data(wanted)
    notifier, store = Notifier(Debts(writer)), Store(writer.policy.keep_days)
    spine: Spine[Matter] = Spine(
        wanted, service="notifier", store=store, handlers=notifier.table(), on_timer=notifier.on_timer
    )
    sender = Sender(spine, store.ready, Outgoing(), app.ways(wanted, writer), writer.policy, lease=wanted.letter_lease)
    ids = [uuid4() for _ in range(given["letters"])]
    async with running(_With(spine, sender), loops=["relay", "sender", "settler"]):
        await _known(spine, store, ids)
        pids = {**given["servers"], "notifier": os.getpid()}
        before, begun = cpu_seconds(pids), time.perf_counter()
        for start in range(0, len(ids), BATCH):
            await _owe(spine, store, notifier, ids[start : start + BATCH])
        while await _left(spine):
            await asyncio.sleep(0.05)
        return Run(len(ids), time.perf_counter() - begun, cpu_between(before, cpu_seconds(pids)))


class _With:
    """A spine whose loops include the sender's."""

    def __init__(self, spine: Spine[Matter], sender: Sender) -> None:
        self._spine, self._sender = spine, sender

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spine, name)

    def loops(self) -> list[Any]:
        return [*self._spine.loops(), *self._sender.loops()]


async def _known(spine: Spine[Matter], store: Store, ids: Sequence[UUID]) -> None:
    for start in range(0, len(ids), 500):
        async with spine.work.unit(ids[start : start + 500]) as unit:
            matters = [Matter(id_, facts=complaint(n)) for n, id_ in enumerate(ids[start : start + 500], start)]
            await store.save(unit.tx, matters)


async def _owe(spine: Spine[Matter], store: Store, notifier: Notifier, ids: Sequence[UUID]) -> None:
    """One event each makes the acknowledgement due, in one transaction as the consumer's."""
    due = datetime.now().astimezone() + timedelta(days=5)
    told = correspondence.clocks(decision=due, next_update=due - timedelta(days=2))
    decide = notifier.table()[type(told)]
    async with spine.work.unit(ids) as unit:
        matters = await store.load(unit.tx, ids)
        for id_ in ids:
            event: Event[Any] = Event(uuid4(), id_, told, unit.now, 3, "bench")
            unit.add(id_, event.id, list(decide(matters[id_], event, unit.now)))
        await store.save(unit.tx, list(matters.values()))


async def _left(spine: Spine[Matter]) -> bool:
    async with spine.db.read() as tx:
        open_ = "SELECT EXISTS (SELECT 1 FROM letter WHERE state <> 'sent') OR EXISTS (SELECT 1 FROM outbox)"
        return bool((await tx.execute(text(open_))).scalar_one())


async def bare(given: dict[str, Any]) -> Run:
    """Prebuilt bytes over reused connections."""
    collect_rarely()
    writer = app.read_data(settings(given))
    queue = [(f"customer{n}@example.org", _mail(writer, n)) for n in range(given["letters"])]
    queue.reverse()
    clients = [SMTP(hostname="127.0.0.1", port=given["port"], timeout=20) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(client.connect() for client in clients))

    async def send(client: SMTP) -> None:
        while queue:
            to, content = queue.pop()
            await client.sendmail("care@amends.example", [to], content)

    pids = {**given["servers"], "client": os.getpid()}
    before, begun = cpu_seconds(pids), time.perf_counter()
    await asyncio.gather(*(send(client) for client in clients))
    run = Run(given["letters"], time.perf_counter() - begun, cpu_between(before, cpu_seconds(pids)))
    await asyncio.gather(*(client.quit() for client in clients))
    return run


def _mail(writer: Writer, n: int) -> bytes:
    facts = specimens.facts("zh" if n % 2 else "en")
    return _rendered(
        writer, facts, specimens.row(facts.language, "acknowledgement", "dated"), f"customer{n}@example.org"
    )


def _rendered(writer: Writer, facts: Facts, row: LetterRow, to: str = "lina@example.org") -> bytes:
    """A letter from its data to the bytes that leave."""
    letter = writer.write(row, facts, specimens.now())
    mail = Mail(
        message_id=f"<{uuid4()}@amends.example>", sender="care@amends.example", reply_to="reply+AM-1@amends.example",
        address=to, name=facts.person.name, subject=letter.subject, text=letter.text,
        html_lang=writer.languages[facts.language].html_lang, automatic=True, thread=[],
    )  # fmt: skip
    return build(mail)


def costs() -> dict[str, float]:
    """CPU milliseconds to compose, lint and render one letter, the mean over both languages, as the service runs."""
    collect_rarely()
    writer = app.read_data(settings({}))
    found = {}
    letters: tuple[tuple[Kind, str], ...] = (("acknowledgement", "dated"), ("resolution", "partly"))
    for kind, outcome in letters:
        cases = [specimens.facts(language) for language in ("zh", "en")]
        rows = [specimens.row(cases[n % 2].language, kind, outcome) for n in range(TRIES)]
        for n in range(10):
            _rendered(writer, cases[n % 2], rows[n])
        begun = time.process_time()
        for n in range(TRIES):
            _rendered(writer, cases[n % 2], rows[n])
        found[kind] = 1000 * (time.process_time() - begun) / TRIES
    return found


async def main(given: dict[str, Any]) -> None:
    """Measure one side."""
    match given["side"]:
        case "ours":
            print(json.dumps(asdict(await ours(given))))
        case "bare":
            print(json.dumps(asdict(await bare(given))))
        case "costs":
            print(json.dumps(costs()))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(json.loads(sys.argv[1])))
