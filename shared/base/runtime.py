"""One process of one service: its loops under one supervisor, its web server, a watchdog, and a clean stop."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from . import tracing
from .config import ServiceSettings, load
from .db import is_transient
from .errors import Refused
from .loops import Loop, LoopControl
from .telemetry import TRANSIENT, configure_logging, declare

log = structlog.get_logger()
S = TypeVar("S", bound=ServiceSettings)


@dataclass
class Service:
    """A composed service. `opened` and `closed` are awaited around its life, in the loop that serves it.

    `draining` is called when a stop begins: answers that would go on for ever have to end.
    """

    name: str
    settings: ServiceSettings
    web: FastAPI
    loops: Sequence[Loop]
    opened: Callable[[], Awaitable[None]]
    closed: Callable[[], Awaitable[None]]
    draining: Callable[[], None] = lambda: None


class Supervisor:
    """Runs a service's loops in one task group: when one dies, the process dies and is started anew."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.stop, self.stop_last = asyncio.Event(), asyncio.Event()
        for loop in service.loops:
            loop.control = LoopControl(service.name, loop.name, self.stop_last if loop.last else self.stop)

    def stalled(self) -> list[str]:
        """The loops that have made no progress for longer than they may."""
        now = time.monotonic()
        return [loop.name for loop in self.service.loops if now - loop.control.last_turn > loop.stall_after]

    def request_stop(self, *, last: bool = False) -> None:
        """Ask the loops to end after what they are doing; the `last` ones only when asked so."""
        (self.stop_last if last else self.stop).set()
        for loop in self.service.loops:
            loop.control.wake.set()

    async def _loop(self, loop: Loop) -> None:
        backoff = 0.1
        while not loop.control.stopping:
            started = time.monotonic()
            try:
                await loop.run(loop.control)
                return
            except Exception as error:
                if not is_transient(error):
                    log.error("loop died", loop=loop.name, exc_info=True)
                    raise
                TRANSIENT.labels(self.service.name, loop.name).inc()
                backoff = 0.1 if time.monotonic() - started > 30 else min(backoff * 2, 5.0)
                log.warning("loop repeats after a passing failure", loop=loop.name, error=type(error).__name__)
                await loop.control.sleep(backoff)

    async def _watchdog(self) -> None:
        while True:
            await asyncio.sleep(1)
            if names := self.stalled():
                log.error("a loop makes no progress, ending the process", loops=names)
                os._exit(70)

    async def run(self) -> None:
        """Until stop is requested or a loop dies (which raises)."""
        await self.service.opened()
        async with asyncio.TaskGroup() as group:
            watchdog = group.create_task(self._watchdog())
            tasks = [group.create_task(self._loop(loop), name=loop.name) for loop in self.service.loops]
            if earlier := [t for t, loop in zip(tasks, self.service.loops, strict=True) if not loop.last]:
                await asyncio.wait(earlier)
            await self.stop.wait()
            self.request_stop(last=True)
            await asyncio.wait(tasks)
            watchdog.cancel()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the supervisor decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


async def serve(service: Service) -> None:
    """Run a service until SIGTERM or SIGINT; bounded by `shutdown_grace`."""
    settings = service.settings
    supervisor = Supervisor(service)
    service.web.state.supervisor = supervisor
    server = _Server(
        uvicorn.Config(
            tracing.requests(service.web),
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=30,
            backlog=2048,
            lifespan="off",
            loop="none",
        )
    )
    web = asyncio.create_task(server.serve())
    running = asyncio.create_task(supervisor.run())
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    ended = asyncio.create_task(asked.wait())
    await asyncio.wait({web, running, ended}, return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    log.info("stopping")
    service.draining()
    server.should_exit = True
    try:
        async with asyncio.timeout(settings.shutdown_grace):
            await web  # first no more requests, then the loops finish what the requests left
            supervisor.request_stop()
            await running
    finally:
        await service.closed()
    log.info("stopped")


def collect_rarely() -> None:
    """Let the garbage collector pass over what was loaded at the start, and come less often.

    Events, rows and requests hold no cycles and die by reference counts. With the defaults the collector runs every
    700 objects, goes through modules and models again and again, and takes a third of a busy consumer's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def run(build: Callable[[S], Service], settings_type: type[S]) -> None:
    """The main function of a service's process."""
    settings = load(settings_type)
    try:
        service = build(settings)
        tracing.configure(service.name, settings.tracing, share=settings.tracing_share)
    except Refused as refusal:
        print(f"refused to start: {refusal}", file=sys.stderr)
        raise SystemExit(78) from None
    configure_logging(service.name, style=settings.log_format, level=settings.log_level)
    declare(service.name, (loop.name for loop in service.loops))
    log.info("starting", port=settings.http_port)
    collect_rarely()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(serve(service))
            finally:
                tracing.close()
    except Refused as refusal:
        log.error("refused to start", reason=str(refusal))
        raise SystemExit(78) from None
    except TimeoutError:
        log.error("did not stop in time")
        raise SystemExit(1) from None
    except ExceptionGroup as died:
        if refused := died.subgroup(Refused):
            log.error("refused to go on", reason=str(refused.exceptions[0]))
            raise SystemExit(78) from None
        log.error("ended by a failure", errors=[type(e).__name__ for e in died.exceptions])
        raise SystemExit(1) from None
