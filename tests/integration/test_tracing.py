"""One trace from the channel's request through Kafka to the mail server; and nothing at all while tracing is off."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import text

from deploy.local.kafka import Kafka
from deploy.local.mail.catcher import Catcher
from services.escalation import app as escalation
from services.escalation.settings import Settings as EscalationSettings
from services.intake import app as intake
from services.intake.settings import Settings as IntakeSettings
from services.notifier import app as notifier
from services.notifier.settings import Settings as NotifierSettings
from services.routing import app as routing
from services.routing.settings import Settings as RoutingSettings
from shared.base import security, tracing
from shared.base.db import Database as Pools
from shared.base.errors import Refused
from shared.base.runtime import Service, Supervisor
from shared.spine import verify
from tests.support.servers import DEPLOYMENT, Database
from tests.support.spines import eventually

pytestmark = pytest.mark.servers
KEY = "k" * 32
CHANNEL = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NAME, MAIL, PHONE = "Corazon Whitfield", "corazon@example.com", "+44 7700 900123"
POST = {
    "channel": "web",
    "customer": {"name": NAME, "email": MAIL, "phone": PHONE, "language": "en"},
    "subject": "Kettle",
    "text": "The kettle that I bought does not switch off. Please repair it.",
}


@asynccontextmanager
async def living(service: Service) -> AsyncIterator[Service]:
    supervisor = Supervisor(service)
    task = asyncio.create_task(supervisor.run())
    try:
        yield service
    finally:
        supervisor.request_stop()
        await task
        await service.closed()


@asynccontextmanager
async def house(database: Database, kafka: Kafka, topic: str, catcher: Catcher) -> AsyncIterator[httpx.AsyncClient]:
    """All four services in this process; gives a client of intake."""

    def settings(kind: Any, name: str, **more: Any) -> Any:
        return kind(
            database_url=database.url(name), deployment_id=DEPLOYMENT, kafka_bootstrap=kafka.bootstrap, topic=topic,
            token_key=KEY, session_timeout=2, **more,
        )  # fmt: skip

    mail = f"smtp://127.0.0.1:{catcher.smtp_port}"
    services = [
        intake.build(settings(IntakeSettings, "intake")),
        routing.build(settings(RoutingSettings, "routing")),
        escalation.build(settings(EscalationSettings, "escalation")),
        notifier.build(settings(NotifierSettings, "notifier", smtp_url=mail)),
    ]
    async with AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(living(service))
        transport = httpx.ASGITransport(tracing.requests(services[0].web))
        token = security.issue(KEY, name="web", role="service")
        headers = {"Authorization": f"Bearer {token}"}
        yield await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://intake", headers=headers)
        )


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.export_to("test", exporter, at_once=True)
    yield exporter
    tracing.close()


def lineage(spans: Sequence[ReadableSpan], name: str) -> list[str]:
    """The names from a span up to where its trace began here."""
    by_id = {s.context.span_id: s for s in spans if s.context}
    one: ReadableSpan | None = next(s for s in spans if s.name == name)
    names = []
    while one:
        names.append(one.name)
        one = by_id.get(one.parent.span_id) if one.parent else None
    return names


async def accepted(client: httpx.AsyncClient, **headers: str) -> UUID:
    answer = await client.post("/v1/complaints", json=POST, headers={"Idempotency-Key": str(uuid4()), **headers})
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["complaint_id"])


async def test_one_trace_from_the_channel_to_the_mail_server(
    database: Callable[..., Database], kafka: Kafka, topic: str, smtp_catcher: Catcher, spans: InMemorySpanExporter
) -> None:
    async with house(database(), kafka, topic, smtp_catcher) as client:
        complaint = await accepted(client, traceparent=CHANNEL)

        async def whole() -> Sequence[ReadableSpan]:
            found = spans.get_finished_spans()
            return found if {"smtp send", "process letter.sent.v1"} <= {s.name for s in found} else ()

        found = await eventually(whole, seconds=30, what="the acknowledgement's spans")
        # The other traces of this process (sign-ins of others, timers) are not of this complaint.
        mine = [s for s in found if str(complaint) == (s.attributes or {}).get("amends.complaint_id")]
        names = lineage(found, "smtp send")
    trace = int(CHANNEL.split("-")[1], 16)
    assert {s.context.trace_id for s in mine if s.context} == {trace}
    assert names[-2:] == ["create complaint.received.v1", "POST /v1/complaints"], names
    assert names[0] == "smtp send"
    assert names[1].startswith("process "), names
    post = next(s for s in found if s.name == "POST /v1/complaints")
    assert post.parent is not None
    assert post.parent.span_id == int(CHANNEL.split("-")[2], 16), "the channel's span is the parent"
    assert (post.attributes or {})["http.response.status_code"] == 201
    assert "send complaint.received.v1" in {s.name for s in mine}, "the relay's part"
    assert lineage(found, "create letter.sent.v1")[1] == "smtp send"
    written = json.dumps([[s.name, dict(s.attributes or {}), [e.name for e in s.events]] for s in found])
    assert not [word for word in (NAME, MAIL, PHONE, "kettle", "Kettle") if word in written]


async def test_while_off_nothing_is_made_and_nothing_is_kept(
    database: Callable[..., Database], kafka: Kafka, topic: str, smtp_catcher: Catcher
) -> None:
    assert not tracing.on()
    base = database()
    async with house(base, kafka, topic, smtp_catcher) as client:
        await accepted(client, traceparent=CHANNEL)

        async def sent() -> Any:
            return await asyncio.to_thread(smtp_catcher.messages)

        assert await eventually(sent, seconds=30, what="the acknowledgement")
        records = [r async for r in verify.read(kafka.bootstrap, topic)]
        assert records
        assert not [r for r in records if "traceparent" in dict(r.headers)]
    pools = Pools(base.admin_url, "intake", work_pool=2, api_pool=1)
    async with pools.transaction() as tx:
        for service in ("intake", "routing", "escalation", "notifier"):
            assert (await tx.execute(text(f"SELECT count(*) FROM {service}.trace"))).scalar_one() == 0
    await pools.close()


def test_while_off_opentelemetry_is_not_even_loaded() -> None:
    code = (
        "import sys\n"
        "from shared.base import tracing\n"
        "import shared.spine.spine, shared.base.runtime\n"
        "tracing.configure('intake', None)\n"
        "app = object()\n"
        "assert tracing.requests(app) is app and tracing.current() is None\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry.sdk') or m.startswith('opentelemetry.exporter')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_exporter_a_service_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(Refused, match="AMENDS_TRACING needs opentelemetry-sdk"):
        tracing.configure("intake", "http://127.0.0.1:4318")


async def test_a_route_is_named_by_its_template(spans: InMemorySpanExporter) -> None:
    app = FastAPI()

    @app.get("/v1/complaints/{complaint_id}")
    async def read(complaint_id: UUID) -> str:
        return str(complaint_id)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(tracing.requests(app)), base_url="http://x") as client:
        await client.get(f"/v1/complaints/{uuid4()}?email={MAIL}")
        await client.get(f"/v1/nobody/{MAIL}")
        await client.get("/healthz")
    names = [s.name for s in spans.get_finished_spans()]
    assert names == ["GET /v1/complaints/{complaint_id}", "GET"]
