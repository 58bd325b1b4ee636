"""Letters on their way to the sender: claimed by it, or by the transaction that wrote them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from ..letter import Commitment
from ..model import Facts, LetterRow


@dataclass(frozen=True, slots=True)
class Attempt:
    """A claimed letter: all that is needed to send it and to say what became of it."""

    id: UUID
    complaint_id: UUID
    customer_id: UUID
    kind: str
    language: Any
    channel: Any
    trigger: UUID
    address: str
    to_name: str | None
    reference: str
    subject: str
    text: str
    thread: list[str]
    promises: list[Commitment]
    attempts: int
    deadline_at: datetime
    automatic: bool
    by_person: str | None
    decision_id: UUID | None
    template_version: str
    suppressed: bool
    short: str | None
    large: bool
    probe: bool
    traceparent: str | None = None


def attempt_of(row: LetterRow, facts: Facts, *, suppressed: bool) -> Attempt:
    """The first attempt to send a letter that was just written."""
    assert row.address is not None
    assert row.deadline_at is not None
    return Attempt(
        id=row.id, complaint_id=row.complaint_id, customer_id=facts.customer_id, kind=row.kind, language=row.language,
        channel=row.channel, trigger=row.trigger, address=row.address, to_name=row.to_name, reference=facts.reference,
        subject=row.subject, text=row.text, thread=row.thread, promises=row.promises, attempts=1,
        deadline_at=row.deadline_at, automatic=row.automatic, by_person=row.by_person, decision_id=row.decision_id,
        template_version=row.template_version, suppressed=suppressed, short=row.inputs.get("short"),
        large="large_print" in row.inputs, probe=facts.probe is not None,
    )  # fmt: skip


@dataclass(slots=True)
class Made:
    """What one transaction has for the sender: whether letters became ready, and those that it claimed itself.

    `room` is what the sender keeps free for these.
    """

    ready: bool = False
    room: int = 0
    claimed: list[Attempt] = field(default_factory=list)


class Ready:
    """What the transactions that run now have for the sender, each in the task that runs it.

    `take`: of so many letters, how many the sender has room for at once; it keeps it for them. `lease`: for how long.
    """

    def __init__(self) -> None:
        self.take: Callable[[int], int] = lambda wanted: 0
        self.lease = timedelta()
        self._by_task: WeakKeyDictionary[asyncio.Task[Any], Made] = WeakKeyDictionary()

    def made(self) -> Made:
        """Of the running task's transaction."""
        task = asyncio.current_task()
        return self._by_task.setdefault(task, Made()) if task else Made()

    def ended(self) -> Made | None:
        """The same when that transaction has ended, if there was anything."""
        task = asyncio.current_task()
        return self._by_task.pop(task, None) if task else None
