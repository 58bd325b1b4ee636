"""`python -m tests.bench [NAME …]`: run benchmarks and write their results."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.bench import accept, consume, end_to_end, letters, letters_lint, mail, peers_timers, queueing, route, timers
from tests.bench.measure import Result, cpu_line, say

BENCHMARKS: dict[str, Callable[[int], Coroutine[Any, Any, Result]]] = {
    "consume": consume.run,
    "accept": accept.run,
    "mail": mail.run,
    "letters": letters.run,
    "end_to_end": end_to_end.run,
    "queueing": queueing.run,
    "route": route.run,
    "letters_lint": letters_lint.run,
    "timers": timers.run,
    "peers_timers": peers_timers.run,
}


def main() -> None:
    """Run what was asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=5, help="rounds of ours and reference in turn")
    given = parser.parse_args()
    for name in given.names or BENCHMARKS:
        print(name, flush=True)
        result = asyncio.run(BENCHMARKS[name](given.rounds))
        say(f"ours {result.ours}, reference {result.reference}, ratio {result.ratio}, spread {result.spread}")
        say(cpu_line(result.cpu_ms_per_item))
        print(f"written: {result.write()}")


if __name__ == "__main__":
    main()
