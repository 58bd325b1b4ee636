"""The story of `make demo`: one company's short day, told through the public interfaces only."""

import asyncio
import json
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.local.console import StackError, say
from deploy.local.processes import ROOT
from deploy.local.stack import Stack

from . import acts, checks, evidence, samples, table
from .handlers import STAFF, Desks
from .sender import AT_ONCE, Sender
from .world import Missing, Refused, World

AT_MOST = 180.0
GATEWAY = "gateway.amends.example"
WITHDRAWN = "zh-09"
LAST = ("zh-19", "zh-05")  # top customers who come when the queue is long
HELD_BACK = "zh-14"  # sent while an undecodable record is parked
HERE = Path(__file__).parent


def extra_env() -> dict[str, dict[str, str]]:
    """Service → variables of the demo: short times are data in policy files."""
    return {
        "intake": {"AMENDS_TRUSTED_GATEWAYS": json.dumps([GATEWAY])},
        "routing": {"AMENDS_ROUTING_POLICY": str(HERE / "routing.yaml")},
        "notifier": {"AMENDS_NOTIFIER_POLICY": str(HERE / "notifier.yaml")},
    }


def run(stack: Stack) -> int:
    """Tell the story on a fresh stack, write demo.json, print it. Gives 1 and names what is missing, if anything."""
    began = time.monotonic()
    missing = asyncio.run(_told(stack, began + AT_MOST))
    seconds = round(time.monotonic() - began, 1)
    found = asyncio.run(evidence.gather(stack))
    counts = checks.counted(found, seconds=seconds)
    (ROOT / "demo.json").write_text(json.dumps(counts, indent=2, ensure_ascii=False) + "\n")
    table.show(counts)
    missing += checks.missing(found, counts)
    for what in missing:
        say(f"missing: {what}")
    return 1 if missing else 0


async def _told(stack: Stack, deadline: float) -> list[str]:
    """Let everything happen before `deadline` (monotonic seconds); what failed or was not over, in words."""
    async with World(stack) as world:
        desks = Desks(world)
        sender = Sender(stack.urls["intake"], stack.tokens, GATEWAY, uuid4().hex[:8])
        try:
            if failed := await _noted("the morning", _morning(world, sender, desks)):
                return [failed]
            shift = [asyncio.create_task(_noted(f"the desk of {name}", desks.answer_offers(name))) for name in STAFF]
            missing = await _all(_day(world, sender, desks), deadline)
            missing += await _all({"everything settled": _settled(world)}, deadline)
            missing += [desk.result() for desk in shift if desk.done()]
            for desk in shift:
                desk.cancel()
            return missing
        finally:
            await sender.close()


async def _all(happenings: dict[str, Coroutine[Any, Any, None]], deadline: float) -> list[str]:
    """Run all at the same time; what failed or was not over before the deadline."""
    tasks = {what: asyncio.create_task(_noted(what, act)) for what, act in happenings.items()}
    _, late = await asyncio.wait(tasks.values(), timeout=max(0.0, deadline - time.monotonic()))
    for task in late:
        task.cancel()
    return [f"{what}: not over in time" if task in late else task.result() for what, task in tasks.items()
            if task in late or task.result()]  # fmt: skip


async def _noted(what: str, act: Coroutine[Any, Any, None]) -> str:
    """Run one act; what it was and how it failed, or nothing: the others go on either way."""
    try:
        await act
    except (Missing, Refused, StackError, ConnectionError, KeyError, httpx.HTTPError) as failed:
        return f"{what}: {type(failed).__name__} {failed}"
    return ""


async def _morning(world: World, sender: Sender, desks: Desks) -> None:
    """Before the shift: promises and staff are entered, and the night's complaints come in."""
    await acts.promise_in_seconds(world)
    await desks.enter()
    records = _records()
    room = asyncio.Semaphore(AT_ONCE)

    async def one(record: dict[str, Any]) -> str:
        async with room:
            return await _noted(f"sending {record['id']}", acts.send(world, sender, record))

    night = [record for name, record in records.items() if name not in (*LAST, HELD_BACK)]
    failed = [note for note in await asyncio.gather(*map(one, night)) if note]
    if failed:
        raise Missing("; ".join(failed))
    for _, raw in samples.emails():
        await sender.email(raw)
    for name in LAST:
        await acts.send(world, sender, records[name])
    for name in LAST:  # the shift begins when the whole queue stands
        await world.in_state(world.told[name], ("waiting",))


def _day(world: World, sender: Sender, desks: Desks) -> dict[str, Coroutine[Any, Any, None]]:
    """What happens once the handlers are there, all at the same time."""
    records = _records()
    happenings: dict[str, Coroutine[Any, Any, None]] = {
        "an idempotent replay": acts.replay(world, sender, records["zh-02"]),
        "a reused key refused": acts.reused_key(sender, records["zh-02"]),
        "a customer's reply": acts.reply_to_letter(world, sender, records["en-02"]),
        "a withdrawal": acts.withdraw(world, WITHDRAWN),
        "a reopening": acts.reopen(world, "zh-02"),
        "an undecodable record": acts.undecodable(world, sender, records[HELD_BACK]),
    }
    return happenings | {f"the decision of {record}": desks.work(record) for record in samples.decisions()}


def _records() -> dict[str, dict[str, Any]]:
    return {record["id"]: record for name in samples.FILES for record in samples.records(name)}


async def _settled(world: World) -> None:
    """Wait until nobody looks for a handler, no letter is on its way and nothing waits to be told."""

    async def quiet() -> bool:
        return not await evidence.unsettled(world.stack)

    await world.until("an end of all work", quiet, within=AT_MOST)
