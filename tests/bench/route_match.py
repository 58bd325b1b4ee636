"""The pure part of a round alone: 500 cases against 200 handlers, in Python time."""

import time
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from uuid import UUID

from services.routing import policy as policies
from services.routing.matching import match
from services.routing.model import Handler
from services.routing.waiting import Waiting

CASES, HANDLERS, TIMES, WANTED_MS = 500, 200, 21, 150
NOW = datetime(2026, 6, 9, 10, 0, tzinfo=UTC)
TIERS, SKILLS = ("top", "high", "middle", "low"), tuple(f"skill_{n}" for n in range(12))


def staff(chance: Random, skills: int) -> list[Handler]:
    """Handlers with so many of the twelve skills, none of them idle or full."""
    return [
        Handler(
            f"h{n}", "H", "r", "c", frozenset(chance.sample(TIERS, 3)),
            {s: chance.randint(2, 5) for s in chance.sample(SKILLS, skills)}, frozenset({"zh", "en"}), 8,
            presence="available", load=chance.randint(0, 3),
        )
        for n in range(HANDLERS)
    ]  # fmt: skip


def cases(chance: Random) -> list[Waiting]:
    """Cases of every tier, language and skill."""
    return [
        Waiting(
            UUID(int=n), 1, chance.choice((1, 3, 3, 3)), NOW + timedelta(seconds=chance.uniform(0, 9999)), NOW,
            chance.choice(TIERS), chance.choice(("zh", "en")), ((chance.choice(SKILLS), 2),),
            offer=chance.random() < 0.5,
        )
        for n in range(CASES)
    ]  # fmt: skip


def say() -> str:
    """Milliseconds of processor time, explanations included; the slowest of several staffs. Raises AssertionError."""
    policy, chance = policies.load().model_copy(update={"open_offers": 100}), Random(5)
    found = []
    for skills in (3, 6, 12):
        people, waiting = staff(chance, skills), cases(chance)
        spent = []
        for _ in range(TIMES):
            begun = time.process_time()
            given = len(match(waiting, people, NOW, policy).assignments)
            spent.append(1000 * (time.process_time() - begun))
        found.append(
            f"{skills} of 12 skills each: {median(spent):.0f} ms, worst {max(spent):.0f} ms ({given} assigned)"
        )
        assert median(spent) <= WANTED_MS, found
    return f"a round of {CASES} cases and {HANDLERS} handlers in Python; " + "; ".join(found)
