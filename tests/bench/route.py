"""From ComplaintReceived to the committed offer: our rounds against pgbench with the same statements row by row."""

import asyncio
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploy.local.postgres import find_binaries, server_account
from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from tests.bench import measure, route_match, route_worker, servers
from tests.bench.route_latency import latency

WAITING, HANDLERS, MEASURED, CLIENTS, REPLICAS = 2_000, 200, 2_000, 8, 2
DEPTHS, PLACES = (1_000, 10_000, 100_000), 2  # waiting cases, free places of each handler
SKILLS = tuple(f"skill_{n}" for n in range(12))
CAUSES = ("C1_product_quality", "C2_repair_quality", "C3_network_defect", "C4_agent_error", "C5_staff_service",
          "C6_policy_disagreement")  # fmt: skip
WHAT = (
    "Complaints/s from ComplaintReceived to the committed offer: 2,000 events in polls of 500 (inbox, lock, triage, "
    "case, history, events) while rounds match and offer them, with 2,000 other cases waiting, 200 handlers, 12 "
    "skills; two replicas, as deployed. Reference: pgbench, 8 clients, prepared, the same statements for one complaint "
    "at a time in two transactions; it triages nothing, matches nobody (handlers at random), reads no queue and takes "
    "no round's lock; CPU is PostgreSQL's alone there. PostgreSQL with fsync; offers are counted in the database."
)
POLLED = 600  # enough to see every statement once
KEPT = ("stream", "case_file", "case_search", "history", "offer", "explanation", "timer", "outbox", "inbox", "known_by")
EMPTY = "TRUNCATE " + ", ".join(f"routing.{name}" for name in KEPT)
HANDLER = (
    "INSERT INTO routing.handler SELECT 'h' || n, 'Handler ' || n, 'handler', 'c', '{{high,middle,low}}', "
    "jsonb_build_object({skills}), '{{zh,en}}', {capacity}, '{{}}', '{{}}', 'always', 'UTC', '[]', 'available', "
    "now(), NULL, 0, 1 FROM generate_series(1, {n}) AS g(n)"
)
# One received and one offered complaint, as ours were written: what the reference writes again and again.
SAMPLES = {
    "bench_waiting": "case_file WHERE queued LIMIT 1",
    "bench_offered": "case_file WHERE state = 'offered' LIMIT 1",
    "bench_words": "case_search LIMIT 1",
    "bench_history": "history h WHERE complaint_id = (SELECT complaint_id FROM routing.bench_offered) AND kind <> "
    "'offered'",
    "bench_offer_note": "history h WHERE complaint_id = (SELECT complaint_id FROM routing.bench_offered) AND kind = "
    "'offered' LIMIT 1",
    "bench_offer": "offer LIMIT 1",
    "bench_timer": "timer LIMIT 1",
    "bench_why": "explanation LIMIT 1",
    "bench_triaged": "outbox WHERE headers->>'ce_type' = 'complaint.triaged.v1' LIMIT 1",
    "bench_made": "outbox WHERE headers->>'ce_type' = 'complaint.offer-made.v1' LIMIT 1",
}
SCRIPT = """\
SELECT gen_random_uuid() AS id, gen_random_uuid() AS event, gen_random_uuid() AS offer \\gset
\\set h random(1, {handlers})
BEGIN;
{lock}
INSERT INTO inbox (event_id, seen_at) VALUES (CAST(:event AS uuid), now()) ON CONFLICT (event_id) DO NOTHING
 RETURNING event_id;
SELECT complaint_id, version, document::text FROM case_file WHERE complaint_id = CAST(:id AS uuid);
{waiting};
{history};
{words};
{triaged};
COMMIT;
BEGIN;
{lock}
SELECT complaint_id, version, document::text FROM case_file WHERE complaint_id = CAST(:id AS uuid);
SELECT id FROM handler WHERE id = 'h' || CAST(:h AS text) FOR UPDATE;
SELECT h.id, h.revision, h.presence, h.presence_since, h.given_at,
 (SELECT COALESCE(sum(weight), 0) FROM case_file c WHERE c.busy AND c.handler_id = h.id),
 (SELECT count(*) FROM offer o WHERE o.state = 'open' AND o.handler_id = h.id)
 FROM handler h WHERE id = 'h' || CAST(:h AS text);
UPDATE handler SET given_at = now() WHERE id = 'h' || CAST(:h AS text);
{offered};
{note};
{offer};
{why};
{timer};
{made};
COMMIT;
"""
LOCK = (
    "INSERT INTO stream (complaint_id, sequence, stalled) VALUES (CAST(:id AS uuid), 0, false) "
    "ON CONFLICT (complaint_id) DO UPDATE SET sequence = stream.sequence RETURNING sequence, stalled, now();"
)


async def run(rounds: int) -> measure.Result:
    """The ratio, the round's time, the cost by depth, then the latency through all services."""
    measure.say(route_match.say())
    with tempfile.TemporaryDirectory() as folder:
        with servers.stack() as stack:
            bench = Bench(stack, Path(folder) / "policy.yaml")
            await bench.prepare()
            pairs = await measure.in_turn(bench.ours, bench.bare, rounds)
            for depth in DEPTHS:
                measure.say(await bench.depth(depth))
        measure.say(await latency(Path(folder) / "accepted.json", Path(folder) / "policy.yaml", staff(1000)))
    return measure.compare("route", pairs, WHAT)


def write_policy(path: Path) -> None:
    """The house's policy, every queue asking, two of twelve skills for each cause."""
    house = yaml.safe_load((ROOT / "services/routing/data/house.yaml").read_text("utf-8"))
    house["queues"] = {name: {"mode": "offer"} for name in house["queues"]}
    house["offer_seconds"] = {"live": 3600, "written": 3600}
    house["open_offers"], house["raises"] = 1000, []
    for n, cause in enumerate(CAUSES):
        house["causes"][cause] = {"queue": "general", "skills": {SKILLS[2 * n]: 2, SKILLS[2 * n + 1]: 1}}
    house["causes"]["unknown"] = {"queue": "general", "skills": {SKILLS[0]: 1}}  # what the load generator's words are
    path.write_text(yaml.safe_dump(house), "utf-8")


def skills_of(n: str) -> str:
    """SQL for the skills of handler n: four of twelve, two whole causes."""
    return ", ".join(f"'skill_' || ((2 * ({n}) + {more}) % 12), 2 + ({n}) % 4" for more in (0, 1, 4, 5))


def staff(capacity: int) -> list[str]:
    """SQL for two hundred handlers, all there."""
    make = HANDLER.format(skills=skills_of("n"), capacity=capacity, n=HANDLERS)
    return ["TRUNCATE routing.handler", make, "SELECT 1"]


def pgbench() -> str:
    """The program that comes with the server."""
    return str(find_binaries(os.environ, server_account())[0] / "pgbench")


@dataclass
class Bench:
    """Routing's schema with what waits in it."""

    stack: Stack
    policy: Path
    script: str = ""
    restore: list[str] = field(default_factory=list)

    async def worker(self, mode: str, n: int, **more: Any) -> Any:
        """Routing in a process of its own."""
        arguments = {
            "mode": mode, "n": n, "tiers": ["high", "middle", "low"], "policy": str(self.policy),
            "database": self.stack.database_url("routing"), "deployment": self.stack.keys.deployment_id, **more,
        }  # fmt: skip
        return await servers.worker("route_worker", arguments)

    async def replicas(self, mode: str, n: int) -> tuple[measure.Run, int]:
        """Two of them share the work: what it took, and in how many rounds."""
        postgres = {"postgres": servers.pids(self.stack)["postgres"]}
        with tempfile.TemporaryDirectory() as room:
            more = {"share": n // REPLICAS, "room": room, "replicas": REPLICAS}
            told = asyncio.gather(*(self.worker(mode, n, **more) for _ in range(REPLICAS)))
            while route_worker.there(room) < REPLICAS and not told.done():
                await asyncio.sleep(0.01)
            before = measure.cpu_seconds(postgres)
            done = await told
            cpu = measure.cpu_between(before, measure.cpu_seconds(postgres))
        cpu["routing"] = sum(one["cpu"]["routing"] for one in done)
        seconds = max(one["ended"] for one in done) - min(one["begun"] for one in done)
        return measure.Run(n, seconds, cpu), sum(one["rounds"] for one in done)

    async def prepare(self) -> None:
        """Cases that wait for a tier that nobody serves, and samples of what is written for one complaint."""
        write_policy(self.policy)
        filled = await self.worker("fill", WAITING, tiers=["top"])
        assert set(filled["causes"]) == set(CAUSES), filled
        await servers.execute(self.stack, *staff(1000))
        await self.replicas("receive", POLLED)
        samples = [f"CREATE TABLE routing.{name} AS SELECT * FROM routing.{query}" for name, query in SAMPLES.items()]
        others = "WHERE complaint_id IN (SELECT complaint_id FROM routing.case_file WHERE queued)"
        keep = ("stream", "case_file", "case_search", "history")
        kept = [f"CREATE TABLE routing.kept_{name} AS SELECT * FROM routing.{name} {others}" for name in keep]
        grant = f"GRANT SELECT ON {', '.join(f'routing.{name}' for name in SAMPLES)} TO amends_routing"
        await servers.execute(self.stack, *samples, *kept, grant, "SELECT 1")
        self.restore = [EMPTY, *(f"INSERT INTO routing.{n} SELECT * FROM routing.kept_{n}" for n in keep)]
        self.script = await self.written()

    async def fresh(self) -> None:
        """Only what waits is there."""
        tidy = [f"VACUUM ANALYZE routing.{name}" for name in (*KEPT, "handler")]
        await servers.execute(self.stack, *self.restore, *tidy, "CHECKPOINT", "SELECT 1")

    async def ours(self) -> measure.Run:
        """Two replicas receive, match and offer."""
        await self.fresh()
        done, _ = await self.replicas("receive", MEASURED)
        await self.counted()
        return done

    async def bare(self) -> measure.Run:
        """pgbench writes the same rows, one complaint at a time."""
        await self.fresh()
        pids = {"postgres": servers.pids(self.stack)["postgres"]}
        before = measure.cpu_seconds(pids)
        seconds = await self._pgbench(MEASURED // CLIENTS)
        cpu = measure.cpu_between(before, measure.cpu_seconds(pids))
        await self.counted()
        return measure.Run(MEASURED, seconds, cpu)

    async def counted(self) -> None:
        """Each complaint has its offer, and both are told."""
        (row,) = await servers.execute(
            self.stack,
            "SELECT (SELECT count(*) FROM routing.offer WHERE state = 'open') AS offers, (SELECT count(*) FROM "
            "routing.case_file WHERE state = 'offered') AS cases, (SELECT count(*) FROM routing.outbox) AS events",
        )
        if tuple(row) != (MEASURED, MEASURED, 2 * MEASURED):
            raise AssertionError(f"{dict(row)} of {MEASURED} complaints")

    async def written(self) -> str:
        """The reference's script: rows are those of the samples under a new id."""

        async def insert(table: str, sample: str, where: str = "", **given: str) -> str:
            rows = await servers.execute(
                self.stack,
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'routing' AND "
                f"table_name = '{table}' ORDER BY ordinal_position",
            )
            names = [row[0] for row in rows if row[0] != "seq"]
            values = {"complaint_id": "CAST(:id AS uuid)", **given}
            into = f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values.get(n, n) for n in names)} "
            again = ", ".join(f"{n} = EXCLUDED.{n}" for n in names if n != "complaint_id")
            conflict = f" ON CONFLICT (complaint_id) DO UPDATE SET {again}" if table == "case_file" else ""
            return f"{into} FROM {sample}{conflict}"

        said = (
            "WITH said AS (INSERT INTO stream (complaint_id, sequence, stalled) VALUES (CAST(:id AS uuid), {n}, false) "
            "ON CONFLICT (complaint_id) DO UPDATE SET sequence = EXCLUDED.sequence) {insert}"
        )
        who = "'h' || CAST(:h AS text)"
        return SCRIPT.format(
            handlers=HANDLERS, lock=LOCK,
            waiting=await insert("case_file", "bench_waiting"), history=await insert("history", "bench_history"),
            words=await insert("case_search", "bench_words"),
            triaged=said.format(n=1, insert=await insert("outbox", "bench_triaged")),
            offered=await insert("case_file", "bench_offered", handler_id=who),
            note=await insert("history", "bench_offer_note"),
            offer=await insert("offer", "bench_offer", handler_id=who, offer_id="CAST(:offer AS uuid)"),
            why=await insert("explanation", "bench_why"), timer=await insert("timer", "bench_timer"),
            made=said.format(n=2, insert=await insert("outbox", "bench_made")),
        )  # fmt: skip

    async def _pgbench(self, each: int) -> float:
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(self.script)
            script.flush()
            process = await asyncio.create_subprocess_exec(
                pgbench(), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-t",
                str(each), "-f", script.name, self.stack.database_url("routing"),
                env={**os.environ, "PGOPTIONS": "-c search_path=routing -c jit=off"},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, complaints = await process.communicate()
        said = re.search(rb"tps = ([0-9.]+) \(without", out)
        if process.returncode or not said:
            raise RuntimeError(f"pgbench: {complaints.decode()[-600:]}")
        return each * CLIENTS / float(said[1])

    async def depth(self, n: int) -> str:
        """What an offer costs when so many cases wait that fit, and there is room for few."""
        await servers.execute(self.stack, *staff(PLACES))
        copies = -(-n // WAITING)
        new = "md5(c.complaint_id::text || g)::uuid"
        tiers = "(ARRAY['high', 'middle', 'low'])[1 + g % 3]"
        (columns,) = await servers.execute(
            self.stack,
            "SELECT string_agg(column_name, ', ') FROM information_schema.columns WHERE table_schema = 'routing' AND "
            "table_name = 'case_file' AND column_name NOT IN ('complaint_id', 'tier', 'signature', 'document')",
        )
        await servers.execute(
            self.stack, EMPTY,
            f"INSERT INTO routing.case_file (complaint_id, tier, signature, document, {columns[0]}) SELECT {new}, "
            f"{tiers}, {tiers} || substr(signature, 4), document || jsonb_build_object('complaint_id', {new}, 'tier', "
            f"{tiers}), {columns[0]} FROM routing.kept_case_file c, generate_series(1, {copies}) AS g LIMIT {n}",
            "VACUUM ANALYZE routing.case_file", "CHECKPOINT", "SELECT 1",
        )  # fmt: skip
        taken, rounds = await self.replicas("rounds", PLACES * HANDLERS)
        return f"{n:,} wait: {taken.rate:,.0f} offers/s in {rounds} rounds, {measure.cpu_line(taken.cpu_ms())}"
