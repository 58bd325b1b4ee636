"""Routing on a real database, fed with events as its consumer would apply them, without a broker."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import yaml
from sqlalchemy import text

from services.routing.app import build
from services.routing.handlers.flow import OFFER_TIMER
from services.routing.model import Case
from services.routing.rounds import Rounds
from services.routing.settings import Settings
from shared.base.runtime import Supervisor
from shared.base.security import issue
from shared.events import codec
from shared.events.common import ClockView, Text
from shared.events.envelope import TOPIC, Event, Payload
from shared.events.escalation import ClocksChanged
from shared.events.intake import ComplaintReceived, Customer, Person
from shared.events.notifier import LetterSent
from shared.spine.effects import Timer
from tests.support.servers import DEPLOYMENT, Database

KEY = "k" * 40
SKILLS = ("product", "after_sales", "network", "service_desk", "billing", "policy", "team_lead")


@dataclass
class Bench:
    """One routing service on one database."""

    database: Database
    policy: Path | None = None
    topic: str = TOPIC
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)  # further settings

    def __post_init__(self) -> None:
        settings = Settings(
            database_url=self.database.url("routing"),
            deployment_id=DEPLOYMENT,
            kafka_bootstrap="127.0.0.1:9",
            topic=self.topic,
            token_key=KEY,
            routing_policy=self.policy,
            **self.more,
        )
        self.service = build(settings)
        Supervisor(self.service)  # gives the loops their controls; none of them runs
        loop = next(loop for loop in self.service.loops if loop.name == "rounds")
        self.rounds: Rounds = loop.run.__self__  # type: ignore[attr-defined]
        self.spine = self.rounds.spine

    async def expire(self, complaint_id: UUID) -> None:
        """The timer of the case's offer fires, as the timer loop lets it."""
        (row,) = await self.sql(
            "SELECT * FROM timer WHERE complaint_id = :id AND name = :name", id=complaint_id, name=OFFER_TIMER
        )
        timer = Timer(complaint_id, row.name, row.fire_at, row.version)
        async with self.spine.work.unit([complaint_id]) as unit:
            case = (await self.rounds.store.load(unit.tx, [complaint_id]))[complaint_id]
            effects = list(self.rounds.offers.on_timer(case, timer, unit.now))
            case.version += 1
            unit.add(complaint_id, complaint_id, effects)
            await self.rounds.store.save(unit.tx, [case])

    def as_(self, name: str, role: str = "handler") -> httpx.AsyncClient:
        """A client with the token of this person."""
        if name not in self.clients:
            self.clients[name] = httpx.AsyncClient(
                transport=httpx.ASGITransport(app=self.service.web),
                base_url="http://routing",
                headers={"Authorization": f"Bearer {issue(KEY, name=name, role=role)}"},  # type: ignore[arg-type]
            )
        return self.clients[name]

    async def feed(self, complaint_id: UUID, *payloads: Payload, time: datetime | None = None) -> None:
        """Apply events as the consumer does."""
        events = [Event(uuid4(), complaint_id, data, time or datetime.now(UTC), 1, DEPLOYMENT) for data in payloads]
        async with self.spine.work.unit([complaint_id]) as unit:
            await self.spine.consumer.apply(unit, events)

    async def complaint(self, words: str = "The phone is defective.", **more: Any) -> UUID:
        """Receive a complaint."""
        complaint_id = uuid4()
        await self.feed(complaint_id, received(words, **more))
        return complaint_id

    async def case(self, complaint_id: UUID) -> Case:
        """One case as it is."""
        async with self.spine.db.read() as tx:
            return (await self.rounds.store.load(tx, [complaint_id]))[complaint_id]

    async def handler(self, name: str, /, *, presence: str = "available", **more: Any) -> None:
        """Put a handler on the staff list, present."""
        body = {
            "name": name.title(), "role_title": "complaint handler", "contact": "010-5550100",
            "tiers": ["top", "high", "middle", "low"],
            "skills": dict.fromkeys(SKILLS, 3),
            "languages": ["zh", "en"], "capacity": 6, **more,
        }  # fmt: skip
        lead = self.as_("lena", "lead")
        (await lead.put(f"/v1/handlers/{name}", json=body)).raise_for_status()
        (await lead.put(f"/v1/handlers/{name}/presence", json={"presence": presence})).raise_for_status()

    async def emitted(self, complaint_id: UUID) -> list[Payload]:
        """The events in the outbox about one complaint, in order."""
        async with self.spine.db.read() as tx:
            rows = await tx.execute(
                text("SELECT headers, body FROM outbox WHERE complaint_id = :id ORDER BY seq"), {"id": complaint_id}
            )
            return [
                codec.decode(
                    str(complaint_id).encode(), [(k, v.encode()) for k, v in row.headers.items()], row.body
                ).data
                for row in rows
            ]

    async def types(self, complaint_id: UUID) -> list[str]:
        """The names of the events about one complaint."""
        return [type(p).__name__ for p in await self.emitted(complaint_id)]

    async def sql(self, statement: str, **arguments: Any) -> Sequence[Any]:
        """Any statement, as the service's role."""
        async with self.spine.db.transaction() as tx:
            result = await tx.execute(text(statement), arguments)
            return result.all() if result.returns_rows else ()

    async def close(self) -> None:
        """Close clients and pools."""
        for client in self.clients.values():
            await client.aclose()
        await self.spine.closed()


def received(
    words: str,
    *,
    tier: str = "middle",
    language: str = "en",
    channel: str = "web",
    customer_id: UUID | None = None,
    **more: Any,
) -> ComplaintReceived:
    """The event of a complaint of Li Na."""
    customer = customer_id or uuid4()
    return ComplaintReceived(
        reference="AM-" + uuid4().hex[:10].upper(),
        channel=channel,
        source="test",
        received_at=datetime.now(UTC),
        customer=Customer(customer_id=customer, tier=tier, language=language),
        personal={customer: Person(name="Li Na", phone="+86 10 5550 1234", email="li.na@example.com", text=words)},
        **more,
    )


def clocks(due: timedelta, kind: str = "decision") -> ClocksChanged:
    """One running clock that is due so long from now."""
    now = datetime.now(UTC)
    clock = ClockView(
        id=uuid4(), kind=kind, pack="house", pack_version=1, state="running", started_at=now, due_at=now + due,
        version=1, pausable=True, legal=False, explanation=Text(zh="三天", en="three days"),
    )  # fmt: skip
    return ClocksChanged(clocks=(clock,))


def letter(kind: str, *, decision_id: UUID | None = None, by: str | None = None) -> LetterSent:
    """A letter that was sent just now."""
    return LetterSent(
        letter_id=uuid4(), kind=kind, language="en", channel="email", message_id="<1@example.com>",
        sent_at=datetime.now(UTC), trigger=uuid4(), by_person=by, decision_id=decision_id, template_version="1",
    )  # fmt: skip


def offering(folder: Path, seconds: float = 60) -> Path:
    """A policy whose queues all offer, as a file."""
    house = Path(__file__).parents[2] / "services" / "routing" / "data" / "house.yaml"
    document = yaml.safe_load(house.read_text("utf-8"))
    document["queues"] = {name: {"mode": "offer"} for name in document["queues"]}
    document["offer_seconds"] = {"live": seconds, "written": seconds}
    path = folder / "offering.yaml"
    path.write_text(yaml.safe_dump(document), "utf-8")
    return path
