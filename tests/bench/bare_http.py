"""The reference of `accept`: bare uvicorn, pydantic, one multi-row INSERT per batch. Keeps complaints and no promise.

`python -m tests.bench.bare_http JSON` serves until it is stopped.
"""

import asyncio
import json
import sys
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import uvicorn

from services.intake.requests import ComplaintIn

INSERT = "INSERT INTO intake.bare (id, body) SELECT * FROM unnest($1::uuid[], $2::text[])"
JSON = [(b"content-type", b"application/json")]
MOST_ROWS = 256


class Bare:
    """The application: what comes while a batch is written is the next batch."""

    def __init__(self, database: str) -> None:
        self.database = database
        self._waiting: list[tuple[UUID, str, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        content, more = b"", True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        ComplaintIn.model_validate_json(content)
        id_, kept = uuid4(), asyncio.get_running_loop().create_future()
        self._waiting.append((id_, content.decode(), kept))
        self._wake.set()
        await kept
        answer = json.dumps({"reference": str(id_)}).encode()
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 201, "headers": [*JSON, length]})
        await send({"type": "http.response.body", "body": answer})

    async def _write(self) -> None:
        connection = await asyncpg.connect(self.database)
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:MOST_ROWS], self._waiting[MOST_ROWS:]
            if not self._waiting:
                self._wake.clear()
            await connection.execute(INSERT, [i for i, _, _ in batch], [body for _, body, _ in batch])
            for _, _, kept in batch:
                kept.set_result(None)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    uvicorn.run(
        Bare(given["database"]), host="127.0.0.1", port=given["port"], loop="uvloop", http="httptools",
        access_log=False, log_level="warning", lifespan="off",
    )  # fmt: skip
