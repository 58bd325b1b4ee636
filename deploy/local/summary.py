"""The short live summary of `make run`: what the topic says has happened so far."""

import asyncio
import logging
import sys
import time
from collections import Counter

from aiokafka import AIOKafkaConsumer

from deploy.local.console import show
from deploy.local.stack import Stack
from shared.events.envelope import TOPIC

# Event type → what the line calls it, in the order of a complaint's life.
SHOWN = {
    "complaint.received.v1": "complaints",
    "message.received.v1": "other messages",
    "complaint.triaged.v1": "triaged",
    "complaint.offer-made.v1": "offers",
    "complaint.assigned.v1": "assigned",
    "complaint.decided.v1": "decided",
    "sla.warning.v1": "warnings",
    "sla.breached.v1": "breaches",
    "letter.sent.v1": "letters sent",
    "letter.blocked.v1": "letters blocked",
    "complaint.closed.v1": "closed",
}
EVERY = 1.0
# Where a line cannot be redrawn it is printed when it has changed, and not more often than this.
LINE_EVERY = 5.0


class Summary:
    """Counts the topic's events by type from its beginning and shows them as one line."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._counts: Counter[str] = Counter()
        self._shown = ""
        self._shown_at = 0.0

    def show_until_interrupted(self) -> None:
        """Keep the line up to date until Ctrl-C (KeyboardInterrupt)."""
        show("So far, by the events on the topic (Ctrl-C stops everything):")
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        # A broker that is restarted is reported by the supervisor.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        consumer = AIOKafkaConsumer(
            TOPIC, bootstrap_servers=self._stack.kafka_bootstrap, group_id=None, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            while True:
                for records in (await consumer.getmany(timeout_ms=int(EVERY * 1000))).values():
                    self._counts.update(dict(record.headers).get("ce_type", b"").decode() for record in records)
                self._show()
        finally:
            await consumer.stop()

    def _show(self) -> None:
        line = " · ".join(f"{self._counts[name]} {what}" for name, what in SHOWN.items() if self._counts[name])
        if line == self._shown or not line:
            return
        now = time.monotonic()
        if sys.stdout.isatty():
            print(f"\r  {line}\x1b[K", end="", flush=True)
        elif now - self._shown_at < LINE_EVERY:
            return
        else:
            show(f"  {line}")
        self._shown, self._shown_at = line, now
