"""What really happened: the events on the topic, the rows of the four schemas, and the caught mails."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from deploy.local.stack import Stack
from shared.events.envelope import TOPIC
from shared.spine import verify

SCHEMAS = ("intake", "routing", "escalation", "notifier")


@dataclass(frozen=True)
class Told:
    """One event of the topic, read without the product's models."""

    type: str
    complaint: str
    time: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """Everything that is counted. `rows` are the answers to QUERIES by name."""

    events: tuple[Told, ...]
    verdict: verify.Verdict
    rows: dict[str, list[dict[str, Any]]]
    mails: list[dict[str, Any]]

    def of(self, type_: str, **fields: Any) -> Iterator[Told]:
        """The events of a type whose body has these values, oldest first."""
        for event in self.events:
            if event.type == type_ and all(event.data.get(name) == value for name, value in fields.items()):
                yield event

    def count(self, query: str) -> int:
        """The one number of a query."""
        return int(self.rows[query][0]["n"] or 0)

    def by(self, query: str, name: str) -> dict[str, int]:
        """A query's numbers by the column `name`."""
        return {row[name]: int(row["n"]) for row in self.rows[query]}


QUERIES = {
    "accepted": "SELECT channel, count(*) AS n FROM intake.complaint WHERE kind = 'complaint' GROUP BY channel",
    "replays": "SELECT coalesce(sum(count), 0) AS n FROM intake.replayed",
    "mails": "SELECT outcome, count(*) AS n FROM intake.mail GROUP BY outcome",
    "others": "SELECT kind, count(*) AS n FROM intake.complaint WHERE kind <> 'complaint' GROUP BY kind",
    "calls": "SELECT outcome, count(*) AS n FROM intake.call GROUP BY outcome",
    "assigned": "SELECT count(DISTINCT h.complaint_id) AS n FROM routing.history h"
    " JOIN intake.complaint c USING (complaint_id) WHERE h.kind = 'assigned' AND c.kind = 'complaint'",
    "offers": "SELECT state, count(*) AS n FROM routing.offer GROUP BY state",
    "cases": "SELECT state, count(*) AS n FROM routing.case_file WHERE kind = 'complaint' GROUP BY state",
    "clocks": "SELECT state, count(*) AS n FROM escalation.clock GROUP BY state",
    "escalated": "SELECT count(DISTINCT complaint_id) AS n FROM escalation.rung",
    "letters": "SELECT kind, state, language, count(*) AS n FROM notifier.letter GROUP BY kind, state, language",
    "doubled_letters": "SELECT count(*) AS n FROM (SELECT 1 FROM notifier.letter WHERE kind = 'acknowledgement'"
    " GROUP BY complaint_id HAVING count(*) > 1) AS more",
    "lost": "SELECT count(*) AS n FROM intake.complaint c WHERE kind = 'complaint' AND ("
    " NOT EXISTS (SELECT 1 FROM routing.case_file r WHERE r.complaint_id = c.complaint_id AND r.state <> 'received')"
    " OR NOT EXISTS (SELECT 1 FROM escalation.clock k WHERE k.complaint_id = c.complaint_id)"
    " OR NOT EXISTS (SELECT 1 FROM notifier.letter l WHERE l.complaint_id = c.complaint_id))",
    "gap": "SELECT count(*) AS n FROM intake.mail WHERE outcome IS NULL",
    "parked": " UNION ALL ".join(
        f"SELECT '{schema}' AS schema, state, released_reason, count(*) AS n FROM {schema}.parked GROUP BY 2, 3"
        for schema in SCHEMAS
    ),
}


UNSETTLED = " UNION ALL ".join(
    (
        "SELECT 1 FROM routing.case_file WHERE state IN ('received', 'triaged', 'waiting', 'offered')",
        "SELECT 1 FROM notifier.letter WHERE state IN ('owed', 'ready', 'sending', 'retry')",
        *(f"SELECT 1 FROM {schema}.outbox" for schema in SCHEMAS),
        *(f"SELECT 1 FROM {schema}.parked WHERE state NOT IN ('discarded', 'handled')" for schema in SCHEMAS),
    )
)


async def unsettled(stack: Stack) -> int:
    """How much is still on its way."""
    connection = await asyncpg.connect(stack.admin_url)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM ({UNSETTLED}) AS rest"))
    finally:
        await connection.close()


async def gather(stack: Stack) -> Evidence:
    """Read the topic from its beginning, ask the databases as their administrator, and fetch the mails."""
    events, seen = [], set()
    async for record in verify.read(stack.kafka_bootstrap, TOPIC):
        headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
        try:
            body = json.loads(record.body or b"")
        except ValueError:
            continue  # the undecodable one: `parked` counts it
        if headers["ce_id"] in seen:
            continue  # at least once on the topic; exactly once is what the databases show
        seen.add(headers["ce_id"])
        events.append(Told(headers["ce_type"], headers["ce_subject"], headers["ce_time"], body))
    connection = await asyncpg.connect(stack.admin_url)
    try:
        rows = {name: [dict(row) for row in await connection.fetch(query)] for name, query in QUERIES.items()}
    finally:
        await connection.close()
    async with httpx.AsyncClient(timeout=30) as client:
        mails = (await client.get(f"{stack.mail_url}/api/messages")).json() if stack.mail_url else []
    events.sort(key=lambda event: event.time)
    return Evidence(tuple(events), await verify.verify(stack.kafka_bootstrap, TOPIC), rows, mails)
