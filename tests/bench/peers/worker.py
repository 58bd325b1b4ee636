"""A peer at work, in an environment of its own: `python worker.py PEER make|set|work JSON`.

`make` makes the peer's tables. `set` schedules `due` jobs (ids 1 to n) for one instant, and `later` ones for much
later. `work` says `ready` and runs the peer's worker until it is killed. A job marks its row: one UPDATE.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

MARK = "UPDATE public.mark SET marked = marked + 1, at = clock_timestamp() WHERE id = $1"
LATER = timedelta(days=30)
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
            return
        at = datetime.fromtimestamp(given["at"], UTC)
        for first, n, when in ((0, given["due"], at), (given["due"], given["later"], at + LATER)):
            jobs = [{"id": first + k} for k in range(1, n + 1)]
            await app.configure_task("mark", schedule_at=when).batch_defer_async(*jobs)


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
        return
    wait = datetime.fromtimestamp(given["at"], UTC) - datetime.now(UTC)
    for first, n, after in ((0, given["due"], wait), (given["due"], given["later"], wait + LATER)):
        payloads = [str(first + k).encode() for k in range(1, n + 1)]
        await queries.enqueue(["mark"] * n, payloads, [0] * n, [after] * n)


if __name__ == "__main__":
    peer = {"procrastinate": procrastinate, "pgqueuer": pgqueuer}[sys.argv[1]]
    asyncio.run(peer(sys.argv[2], json.loads(sys.argv[3])))
