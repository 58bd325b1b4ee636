"""Raw mails for `make bench BENCH=mail`, and the process that posts them: `python -m tests.bench.mail_load JSON`."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop

from deploy.local.processes import ROOT
from tests.bench.load import Caller
from tests.bench.measure import cpu_between, cpu_seconds

DATA = Path(os.environ.get("AMENDS_TEST_DATA") or ROOT.parent / "shared" / "data") / "emails"
SAMPLES = ROOT / "samples" / "emails"
STAND_IN = (
    "My order {n} never arrived. I wrote twice and was told to wait.\r\n\r\n> On Monday you wrote that it was sent.\r\n"
)


def corpus() -> tuple[str, list[bytes]]:
    """Where the mails are from, and their bytes; without the corpora the samples and as many written ones."""
    if DATA.is_dir():
        paths = sorted(path for path in DATA.rglob("*") if path.is_file())
        return f"the {len(paths)} mails of the corpora", [_whole(path) for path in paths]
    mails = [path.read_bytes() for path in sorted(SAMPLES.glob("*.eml"))]
    written = [
        f"From: c{n}@example.com\r\nSubject: Order {n}\r\n\r\n{STAND_IN.format(n=n)}".encode() for n in range(150)
    ]
    return f"{len(mails)} sample mails and {len(written)} written stand-ins", mails + written


def _whole(path: Path) -> bytes:
    """A mail; some files of the corpora are bodies without headers."""
    raw = path.read_bytes()
    if path.suffix == ".eml":
        return raw
    kind = "text/html" if path.suffix == ".html" else "text/plain"
    return f"From: reader@example.com\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n".encode() + raw


class Posts:
    """`one` posts the next mail of the corpus under a Message-ID of its own, so that each is a new one."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._mails = corpus()[1]
        self._n = 0
        self.outcomes: Counter[str] = Counter()
        self.times: list[float] = []

    async def connect(self) -> Caller:
        """A new connection."""
        _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", self._given["port"])
        return caller

    async def one(self, caller: Caller) -> None:
        """Post and note what became of it, and how long that took in seconds."""
        self._n += 1
        content = b"Message-ID: <%s-%d@bench.example>\r\n" % (self._given["run"].encode(), self._n)
        content += self._mails[self._n % len(self._mails)]
        head = (
            f"POST /v1/emails HTTP/1.1\r\nHost: intake\r\nAuthorization: Bearer {self._given['token']}\r\n"
            f"Content-Type: message/rfc822\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        begun = time.perf_counter()
        status, answer = await caller.post(head.encode() + content)
        self.times.append(time.perf_counter() - begun)
        self.outcomes[json.loads(answer)["outcome"] if status == 201 else str(status)] += 1


async def main(given: dict[str, Any]) -> dict[str, Any]:
    """Post from `connections` callers for `seconds`; with `mails` only so many."""
    posts = Posts(given)
    callers = [await posts.connect() for _ in range(given["connections"])]
    before, begun = cpu_seconds(given["pids"]), time.perf_counter()

    async def call(caller: Caller) -> None:
        while time.perf_counter() - begun < given["seconds"] and len(posts.times) < given["mails"]:
            await posts.one(caller)

    await asyncio.gather(*map(call, callers))
    seconds = time.perf_counter() - begun
    cpu = cpu_between(before, cpu_seconds({**given["pids"]}))
    for caller in callers:
        caller.close()
    return {"outcomes": posts.outcomes, "seconds": seconds, "cpu": cpu, "times": sorted(posts.times)}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(main(json.loads(sys.argv[1])))))
