"""An auditor's view of an installation: what the databases, the topic and the mail catcher say, against each other.

It shares no code with what it checks beyond the reading of records, and believes no service. Each finding is one
sentence; an empty list means that everything accepted was done exactly once.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tests.support.topic import Topic, log_ends, read_topic

OVERDUE = 10
PENDING = ("parked", "queued", "retry", "discard")


@dataclass(frozen=True)
class Installation:
    """Where to look. `admin_url` reads every schema."""

    admin_url: str
    bootstrap: str
    topic: str
    services: tuple[str, ...] = ("intake", "routing", "escalation", "notifier")


@dataclass
class Accepted:
    """What a customer knows of a complaint that was answered with 201, and what they did afterwards."""

    id: UUID
    reachable: bool = True
    replies: list[str] = field(default_factory=list)
    withdrawn: bool = False


async def findings(
    at: Installation, accepted: Mapping[UUID, Accepted], mails: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Everything that is wrong with an installation at rest. `mails` are what the mail catcher has."""
    topic = await read_topic(at.bootstrap, at.topic)
    db = await asyncpg.connect(at.admin_url)
    try:
        found = await spine_findings(at, db, topic)
        found += await case_findings(db, topic, accepted)
        found += await clock_findings(db, topic, accepted)
        return found + await letter_findings(db, topic, accepted, mails)
    finally:
        await db.close()


async def spine_findings(at: Installation, db: asyncpg.Connection, topic: Topic) -> list[str]:
    """What is wrong with how events travelled: nothing may be left anywhere, nothing lost, nothing twice."""
    findings = list(topic.wrong)
    ends, last = await log_ends(at.bootstrap, at.topic), topic.last_sequences()
    for service in at.services:
        findings += await _left_over(db, service)
        findings += await _positions(db, service, ends)
        findings += await _sequences(db, service, last)
    deadlocks = await db.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return findings + ([f"{deadlocks} deadlocks"] if deadlocks else [])


async def _left_over(db: asyncpg.Connection, service: str) -> list[str]:
    counted = {
        "rows left in the outbox": "SELECT count(*) FROM {0}.outbox",
        "parked or queued events": f"SELECT count(*) FROM {{0}}.parked WHERE state IN {PENDING}",
        "stalled complaints": "SELECT count(*) FROM {0}.stream WHERE stalled",
        "timers long overdue": f"SELECT count(*) FROM {{0}}.timer WHERE fire_at < now() - interval '{OVERDUE} s'",
    }
    found = {what: await db.fetchval(query.format(service)) for what, query in counted.items()}
    return [f"{service}: {n} {what}" for what, n in found.items() if n]


async def _positions(db: asyncpg.Connection, service: str, ends: dict[int, tuple[int, int]]) -> list[str]:
    rows = await db.fetch(f"SELECT partition, next_offset FROM {service}.consumer_position")
    at = {row["partition"]: row["next_offset"] for row in rows}
    return [
        f"{service}: partition {p} is read up to {at.get(p, 0)} of {end}"
        for p, (first, end) in ends.items()
        if end > first and at.get(p, 0) != end
    ]


async def _sequences(db: asyncpg.Connection, service: str, last: dict[tuple[str, UUID], int]) -> list[str]:
    rows = await db.fetch(f"SELECT complaint_id, sequence FROM {service}.stream")
    kept = {row["complaint_id"]: row["sequence"] for row in rows}
    told = {complaint: n for (emitter, complaint), n in last.items() if emitter == service}
    return [
        f"{service} about {c}: {kept.get(c, 0)} events decided, {told.get(c, 0)} on the topic"
        for c in kept.keys() | told.keys()
        if kept.get(c, 0) != told.get(c, 0)
    ]


def once(what: str, wanted: Iterable[Any], found: Sequence[Any]) -> list[str]:
    """Each wanted thing is to be found exactly once, and nothing else."""
    counts, expected = Counter(found), set(wanted)
    return [f"{what} {thing} {counts[thing]} times" for thing in sorted(expected) if counts[thing] != 1] + [
        f"{what} {thing}, which nobody asked for" for thing in sorted(counts.keys() - expected)
    ]


async def case_findings(db: asyncpg.Connection, topic: Topic, accepted: Mapping[UUID, Accepted]) -> list[str]:
    """Each accepted complaint is kept, told and triaged once; each later word stands in its history once."""
    kept = [row[0] for row in await db.fetch("SELECT complaint_id FROM intake.complaint")]
    cases = [row[0] for row in await db.fetch("SELECT complaint_id FROM routing.case_file WHERE state <> 'received'")]
    found = once("intake keeps", accepted, kept) + once("routing has a case for", accepted, cases)
    for type_ in ("complaint.received.v1", "complaint.triaged.v1"):
        found += once(f"{type_} was said for", accepted, [c for c, facts in topic.of(type_).items() for _ in facts])
    told = await db.fetch("SELECT complaint_id, data->>'text' FROM routing.history WHERE kind = 'customer_replied'")
    replies = [(c, text) for c, one in accepted.items() for text in one.replies]
    found += once("routing's history has the reply", replies, [(row[0], row[1]) for row in told])
    withdrawn = [c for c, one in accepted.items() if one.withdrawn]
    gone = [row[0] for row in await db.fetch("SELECT complaint_id FROM routing.case_file WHERE state = 'withdrawn'")]
    return found + once("withdrawn in routing is", withdrawn, gone)


async def clock_findings(db: asyncpg.Connection, topic: Topic, accepted: Mapping[UUID, Accepted]) -> list[str]:
    """One current set of clocks: at most one live clock of a name, and the last ClocksChanged says the same."""
    kept: dict[UUID, set[Any]] = defaultdict(set)
    live: Counter[tuple[UUID, str]] = Counter()
    query = "SELECT id, complaint_id, state, due_at, live, document->>'name' AS name FROM escalation.clock"
    for row in await db.fetch(query):
        kept[row["complaint_id"]].add((row["id"], row["state"], row["due_at"]))
        live[row["complaint_id"], row["name"]] += row["live"]
    found = [f"{c} has {n} live clocks {name}" for (c, name), n in live.items() if n > 1]
    changes = topic.of("complaint.clocks-changed.v1")
    for complaint in accepted:
        said = {
            (UUID(clock["id"]), clock["state"], datetime.fromisoformat(clock["due_at"]))
            for clock in (json.loads(changes[complaint][-1].body)["clocks"] if complaint in changes else ())
        }
        if not kept[complaint]:
            found.append(f"{complaint} has no clocks")
        elif said != kept[complaint]:
            found.append(f"the last ClocksChanged about {complaint} is not what escalation keeps")
    return found


LETTER_EVENTS = {
    "sent": "letter.sent.v1", "unknown": "letter.unknown.v1", "no_address": "letter.failed.v1",
    "blocked": "letter.blocked.v1",
}  # fmt: skip
TASKS = {"unknown": "letter_unknown", "no_address": "letter_failed", "blocked": "letter_blocked"}


async def letter_findings(
    db: asyncpg.Connection, topic: Topic, accepted: Mapping[UUID, Accepted], mails: Sequence[Mapping[str, Any]]
) -> list[str]:
    """One acknowledgement each; every letter is at an end, and what was caught and said agrees with it."""
    rows = await db.fetch("SELECT id, complaint_id, kind, state, reason FROM notifier.letter")
    acknowledged = [row["complaint_id"] for row in rows if row["kind"] == "acknowledgement"]
    found = once("the ledger has an acknowledgement of", accepted, acknowledged)
    caught = Counter(mail["message_id"].strip("<>").split("@")[0] for mail in mails)
    notes: Counter[tuple[UUID, str]] = Counter()
    for row in await db.fetch("SELECT complaint_id, kind FROM routing.history WHERE kind LIKE 'letter%'"):
        notes[row["complaint_id"], row["kind"]] += 1
    said: Counter[tuple[str, str]] = Counter()
    for fact in topic.facts:
        if fact.type in LETTER_EVENTS.values():
            said[json.loads(fact.body)["letter_id"], fact.type] += 1
    for row in rows:
        found += _letter(row, accepted.get(row["complaint_id"]), caught.pop(str(row["id"]), 0), said, notes)
    return found + [f"mail {name} was caught {n} times and is in no ledger" for name, n in caught.items()]


def _letter(
    row: Any, owner: Accepted | None, caught: int, said: Mapping[tuple[str, str], int],
    notes: Mapping[tuple[UUID, str], int],
) -> list[str]:  # fmt: skip
    state, what = row["state"], f"the {row['kind']} {row['id']} is {row['state']} ({row['reason']})"
    if state == "cancelled":
        if caught:
            return [f"{what} and was caught {caught} times"]
        owed = row["kind"] == "acknowledgement" and not (owner and owner.withdrawn)
        return [f"{what}, and nobody withdrew"] if owed else []
    if state not in LETTER_EVENTS:
        return [f"{what}, which is no end"]
    found = []
    most, least = (1, 0) if state == "unknown" else (1, 1) if state == "sent" else (0, 0)
    if not least <= caught <= most:
        found.append(f"{what} and was caught {caught} times")
    if (n := said[str(row["id"]), LETTER_EVENTS[state]]) != 1:
        found.append(f"{what} and {LETTER_EVENTS[state]} was said {n} times")
    if state in TASKS and not notes[row["complaint_id"], TASKS[state]]:
        found.append(f"{what} and nobody has the task")
    if state == "no_address" and owner and owner.reachable:
        found.append(f"{what}, and the customer gave an address")
    return found
