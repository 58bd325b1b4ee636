"""A peer at work, in an environment of its own: `python worker.py PEER make|set|work JSON`.

`make` makes the peer's tables and schedules `n` jobs for much later. `set` schedules jobs 1 to n for one instant.
`work` says `ready` and runs the peer's worker until it is killed. A job marks its row: one UPDATE.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

MARK = "UPDATE public.mark SET marked = marked + 1, at = clock_timestamp() WHERE id = $1"
CONCURRENCY = 20


async def procrastinate(what: str, given: dict[str, Any]) -> None:
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=given["database"]))
    pool = await asyncpg.create_pool(given["database"], max_size=10)

    @app.task(name="mark")
    async def mark(id: int) -> None:
        await pool.execute(MARK, id)

    async with app.open_async():
        if what == "work":
            print("ready", flush=True)
            await app.run_worker_async(
                concurrency=CONCURRENCY, fetch_job_polling_interval=0.1, install_signal_handlers=False
            )
            return
        if what == "make":
            await app.schema_manager.apply_schema_async()
        jobs = [{"id": k} for k in range(1, given["n"] + 1)]
        await app.configure_task("mark", schedule_at=moment(given)).batch_defer_async(*jobs)


async def pgqueuer(what: str, given: dict[str, Any]) -> None:
    from pgqueuer import AsyncpgPoolDriver, Job, PgQueuer, Queries

    pool = await asyncpg.create_pool(given["database"], max_size=10)
    driver = AsyncpgPoolDriver(pool)
    if what == "work":
        queue = PgQueuer(driver)

        @queue.entrypoint("mark")
        async def mark(job: Job) -> None:
            await pool.execute(MARK, int(job.payload or b"0"))

        print("ready", flush=True)
        await queue.run(batch_size=100)
        return
    queries = Queries(driver)
    if what == "make":
        await queries.install()
    n, after = given["n"], moment(given) - datetime.now(UTC)
    payloads = [str(k).encode() for k in range(1, n + 1)]
    await queries.enqueue(["mark"] * n, payloads, [0] * n, [after] * n)


def moment(given: dict[str, Any]) -> datetime:
    """When the jobs are due."""
    return datetime.fromtimestamp(given["at"], UTC) if "at" in given else datetime.now(UTC) + timedelta(days=30)


if __name__ == "__main__":
    peer = {"procrastinate": procrastinate, "pgqueuer": pgqueuer}[sys.argv[1]]
    asyncio.run(peer(sys.argv[2], json.loads(sys.argv[3])))
