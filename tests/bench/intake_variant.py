"""Intake with one thing left out, to see what that thing costs: `python -m tests.bench.intake_variant NAME`.

`no-relay`: what is written to the outbox stays there. `no-coalescing`: each post is a transaction of its own.
"""

import asyncio
import sys
from functools import partialmethod

from services.intake.app import build
from services.intake.coalescer import Coalescer
from services.intake.settings import Settings
from shared.base.loops import LoopControl
from shared.base.runtime import run
from shared.spine.relay import Relay


async def _rest(_: Relay, control: LoopControl) -> None:
    while not control.stopping:
        await control.sleep(1.0)
        await asyncio.sleep(0.05)  # each commit wakes it


def main(name: str) -> None:
    """Patch this process, then be intake."""
    if name == "no-relay":
        Relay.run = _rest  # type: ignore[method-assign]
    elif name == "no-coalescing":
        Coalescer.__init__ = partialmethod(Coalescer.__init__, rows=1)  # type: ignore[assignment,method-assign]
    else:
        raise SystemExit(f"no variant {name!r}")
    run(build, Settings)


if __name__ == "__main__":
    main(sys.argv[1])
