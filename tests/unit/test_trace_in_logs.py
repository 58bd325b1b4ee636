"""What is logged within a step of a trace names the trace, ours and what libraries say alike."""

import json
import subprocess
import sys

SCRIPT = """
import logging
import structlog
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from shared.base import tracing
from shared.base.telemetry import configure_logging

configure_logging("routing", style="json", level="info")
if {on}:
    tracing.export_to("routing", InMemorySpanExporter(), at_once=True)
with tracing.span("step", parent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
    structlog.get_logger().info("within", complaint_id="c", event_id="e")
    logging.getLogger("library").warning("within too")
structlog.get_logger().info("outside")
"""


def lines(*, on: bool) -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(on=on)], capture_output=True, text=True, check=True, timeout=60
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_within_a_trace_carries_complaint_event_and_trace() -> None:
    ours, theirs, outside = lines(on=True)
    assert (ours["complaint_id"], ours["event_id"]) == ("c", "e")
    assert ours["trace_id"] == theirs["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "trace_id" not in outside


def test_while_off_no_line_does() -> None:
    assert all("trace_id" not in line for line in lines(on=False))
