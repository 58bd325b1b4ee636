"""A service's share of the spine, composed."""

from contextlib import suppress
from typing import Generic

from prometheus_client import REGISTRY
from sqlalchemy import select, text

from shared.base.config import ServiceSettings
from shared.base.db import Database
from shared.base.errors import Refused
from shared.base.loops import Loop, LoopControl
from shared.migrations.run import heads, known

from . import tables as t
from .collector import Collector
from .consume import LINGER, Concerns, Consumer, everything
from .effects import Handlers, S, Store, TimerHandler
from .figures import Figures
from .parking import Drain
from .relay import Relay
from .timers import Timers
from .unit import Origin, Work

PRUNE_ROWS = 5_000
_PRUNE = text(
    "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox "
    "WHERE seen_at < now() - make_interval(days => :days) ORDER BY seen_at LIMIT :rows)"
)


class Spine(Generic[S]):
    """Database, work and the loops of one service."""

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        service: str,
        store: Store[S],
        handlers: Handlers[S],
        on_timer: TimerHandler[S] | None = None,
        linger: float = LINGER,
        concerns: Concerns = everything,
        figures: Figures | None = None,
    ) -> None:
        """`linger`: seconds between polls that come back to back; long where nobody waits for what is consumed.
        `concerns`: which events are handled at all, of those whose type has a handler."""
        self.settings, self.service = settings, service
        self.db = Database(
            settings.database_url.get_secret_value(), service, work_pool=settings.work_pool, api_pool=settings.api_pool
        )
        origin = Origin(service, settings.deployment_id, settings.topic, settings.topic_partitions)
        figures = figures or Figures()
        self.work: Work[S] = Work(self.db, store, origin, figures.tally)
        self.collector = Collector(self.db, service, figures)
        self.relay = Relay(self.db, origin, bootstrap=settings.brokers)
        self.consumer: Consumer[S] = Consumer(
            self.work,
            handlers,
            bootstrap=settings.brokers,
            max_records=settings.poll_records,
            park_limit=settings.park_limit,
            instance=settings.instance,
            session_timeout=settings.session_timeout,
            accept_older_database=settings.accept_older_database,
            linger=linger,
            concerns=concerns,
        )
        self.drain: Drain[S] = Drain(self.work, self.consumer.apply, self.consumer.wanted)
        self.timers = Timers(self.work, on_timer, backlog_wait=settings.backlog_wait) if on_timer else None

    def loops(self) -> list[Loop]:
        """The supervised loops, the relay last to stop because it carries away what the others leave."""
        relay = Loop("relay", self.relay.run, last=True)
        found = [
            Loop("consumer", self.consumer.run, stall_after=120),
            Loop("drain", self.drain.run),
            Loop("prune", self._prune, stall_after=1200),
            Loop("collector", self.collector.run, stall_after=120),
            relay,
        ]
        self.work.wakes.relay = lambda: relay.control.wake.set()
        self.work.wakes.outgoing = self.relay.hold
        if self.timers:
            timers = Loop("timers", self.timers.run)
            self.work.wakes.timers = lambda: timers.control.wake.set()
            found.insert(1, timers)
        return found

    async def opened(self) -> None:
        """Wait for the database, and refuse one that is not ours: another deployment, or not migrated."""
        await self.db.retrying(self._check, tries=10)
        REGISTRY.register(self.collector.board)

    async def _check(self) -> None:
        if reason := await self.ready():
            raise Refused(reason)

    async def ready(self) -> str | None:
        """Why this service must not serve now, or None: database, migrations, deployment; never Kafka."""
        async with self.db.read() as tx:
            for room, wanted in heads(self.service).items():
                table = f"alembic_version_{room}"
                if (await tx.execute(select(text("to_regclass(:name)")), {"name": table})).scalar_one() is None:
                    return f"schema {self.service} is not migrated: run `amends migrate`"
                found = (await tx.execute(text(f"SELECT version_num FROM {table}"))).scalar_one_or_none()
                if (found or "") != wanted and (not found or found in known(room)):
                    return f"schema {self.service} ({room}) is at {found}, this version needs {wanted}"
            stamped = (await tx.execute(select(t.deployment.c.id))).scalar_one_or_none()
        if stamped != self.settings.deployment_id:
            return f"the database belongs to deployment {stamped!r}, not to {self.settings.deployment_id!r}"
        return None

    async def closed(self) -> None:
        """Close the pools, take what was shown off the board."""
        with suppress(KeyError):  # a service that was refused never had it up
            REGISTRY.unregister(self.collector.board)
        await self.db.close()

    async def _prune(self, ctl: LoopControl) -> None:
        """Forget event ids that are older than the topic can still deliver, in small batches."""
        while not ctl.stopping:
            arguments = {"days": self.settings.inbox_days, "rows": PRUNE_ROWS}
            async with self.db.transaction() as tx:
                pruned = (await tx.execute(_PRUNE, arguments)).rowcount
            await ctl.sleep(1.0 if pruned == PRUNE_ROWS else 600.0)
