"""Traces by OpenTelemetry, from a channel's request through Kafka to the mail server.

Off unless `AMENDS_TRACING` names a collector: then nothing is imported, no context is made, and each function here
returns at its first line. Spans carry ids and types, never a customer's words: paths as templates, no query, no body.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.events.envelope import Event, Payload

from .errors import Refused

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

P = TypeVar("P", bound=Payload)
QUIET = ("/healthz", "/readyz", "/metrics", "/static/")
_NOTHING: AbstractContextManager[None] = nullcontext()
EXPORT_SECONDS = 3


class _Otel:
    """OpenTelemetry as far as it is used here, loaded when tracing is turned on."""

    def __init__(self, service: str, exporter: "SpanExporter", *, share: float, at_once: bool) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self.api = trace
        self.provider = TracerProvider(
            resource=Resource.create({"service.name": f"amends-{service}"}),
            sampler=ParentBased(TraceIdRatioBased(share)),
        )
        self.provider.add_span_processor(SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter))
        self.tracer = self.provider.get_tracer("amends")
        self.propagator = TraceContextTextMapPropagator()

    def context(self, traceparent: str | None) -> Any:
        """The context that a traceparent names; an empty one, so that a new trace begins, when there is none."""
        return self.propagator.extract({"traceparent": traceparent} if traceparent else {}, context={})  # type: ignore[arg-type]

    def traceparent(self, span: Any) -> str:
        carrier: dict[str, str] = {}
        self.propagator.inject(carrier, self.api.set_span_in_context(span, {}))  # type: ignore[arg-type]
        return carrier.get("traceparent", "")


_otel: _Otel | None = None


def configure(service: str, endpoint: str | None, *, share: float = 1.0) -> None:
    """Send traces to an OTLP/HTTP collector, for example `http://collector:4318`; without one nothing happens.

    `share` of the traces that begin here are kept. Raises Refused when the exporter is not installed.
    """
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise Refused("AMENDS_TRACING needs opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http") from None
    url = endpoint.rstrip("/")
    exporter = OTLPSpanExporter(url if url.endswith("/v1/traces") else f"{url}/v1/traces", timeout=EXPORT_SECONDS)
    export_to(service, exporter, share=share)


def export_to(service: str, exporter: "SpanExporter", *, share: float = 1.0, at_once: bool = False) -> None:
    """Turn tracing on with an exporter of one's own; `at_once` exports each span when it ends."""
    global _otel
    _otel = _Otel(service, exporter, share=share, at_once=at_once)


def close() -> None:
    """Send what is still held, at most for some seconds, and turn tracing off."""
    global _otel
    ended, _otel = _otel, None
    if ended:
        ended.provider.shutdown()


def on() -> bool:
    """Whether traces are made."""
    return _otel is not None


def current() -> str | None:
    """The traceparent of what runs now."""
    if _otel is None:
        return None
    span = _otel.api.get_current_span()
    return _otel.traceparent(span) if span.get_span_context().is_valid else None


def trace_id(traceparent: str | None) -> str | None:
    """The trace's id in a W3C traceparent."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None


def span(name: str, *, parent: str | None = None, **attributes: str | int) -> AbstractContextManager[Any]:
    """A call to somebody else's server, as a span of the block; below `parent` when given."""
    if _otel is None:
        return _NOTHING
    return _otel.tracer.start_as_current_span(
        name,
        context=_otel.context(parent) if parent else None,
        kind=_otel.api.SpanKind.CLIENT,
        attributes=_named(attributes),
        record_exception=False,  # an exception's text may hold a customer's words
        set_status_on_exception=False,
    )


def emitted(type_: str, complaint: UUID, event: UUID, parent: str | None) -> str | None:
    """The traceparent that an event carries: of a span that says when it was made."""
    if _otel is None:
        return parent
    made = _otel.tracer.start_span(
        f"create {type_}",
        context=_otel.context(parent),
        kind=_otel.api.SpanKind.PRODUCER,
        attributes=_message(type_, complaint, event, "create"),
    )
    made.end()
    return _otel.traceparent(made)


def published(headers: Iterable[Mapping[str, str]], since: Sequence[datetime]) -> None:
    """Events that the broker has: a span each, from their commit until now."""
    if _otel is None:
        return
    now = time.time_ns()
    for named, created in zip(headers, since, strict=True):
        if "traceparent" in named:
            sent = _otel.tracer.start_span(
                f"send {named['ce_type']}",
                context=_otel.context(named["traceparent"]),
                kind=_otel.api.SpanKind.PRODUCER,
                attributes=_message(named["ce_type"], named["ce_subject"], named["ce_id"], "send"),
                start_time=min(now, int(created.timestamp() * 1e9)),
            )
            sent.end(now)


@contextmanager
def handling(service: str, events: Sequence[Event[P]]) -> Iterator[Sequence[Event[P]]]:
    """Spans of a batch while it is handled. Gives the events with their own span in place of their sender's."""
    if _otel is None:
        yield events
        return
    spans = [
        _otel.tracer.start_span(
            f"process {event.data.type}",
            context=_otel.context(event.traceparent),
            kind=_otel.api.SpanKind.CONSUMER,
            attributes={
                **_message(event.data.type, event.complaint_id, event.id, "process"),
                "messaging.consumer.group.name": service,
                "messaging.batch.message_count": len(events),
            },
        )
        for event in events
    ]
    try:
        yield [replace(e, traceparent=_otel.traceparent(s)) for e, s in zip(events, spans, strict=True)]
    finally:
        for each in spans:
            each.end()


def _message(type_: str, complaint: object, event: object, operation: str) -> dict[str, Any]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.message.id": str(event),
        "amends.event_type": type_,
        "amends.complaint_id": str(complaint),
    }


def _named(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    return {name.replace("__", "."): value for name, value in attributes.items()}


def requests(app: ASGIApp) -> ASGIApp:
    """The application with a span around each request; the application itself while tracing is off."""
    return app if _otel is None else _Requests(app, _otel)


class _Requests:
    def __init__(self, app: ASGIApp, otel: _Otel) -> None:
        self.app, self._otel = app, otel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(QUIET):
            await self.app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None)
        method = scope["method"]
        with self._otel.tracer.start_as_current_span(
            method,
            context=self._otel.context(given),
            kind=self._otel.api.SpanKind.SERVER,
            attributes={"http.request.method": method},
            record_exception=False,
            set_status_on_exception=False,
        ) as one:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    one.set_attribute("http.response.status_code", message["status"])
                await send(message)

            try:
                await self.app(scope, receive, noted)
            finally:
                if route := _route(scope):
                    one.update_name(f"{method} {route}")
                    one.set_attribute("http.route", route)


def _route(scope: MutableMapping[str, Any]) -> str | None:
    """The path with its parameters' names in place of their values; None when there is no such route."""
    if "endpoint" not in scope:
        return None
    values = {str(value): name for name, value in scope.get("path_params", {}).items()}
    return "/".join(f"{{{values[part]}}}" if part in values else part for part in scope["path"].split("/"))
