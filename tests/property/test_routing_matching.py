"""Matching, whatever the staff and the queue look like: work-conserving, within capacity, nobody starved by others."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.routing import policy as policies
from services.routing.matching import match
from services.routing.model import Handler, Shift
from services.routing.policy import Overload, Policy, Step
from services.routing.presence import absent
from services.routing.waiting import Waiting, step_of
from tests.support.scale import examples

NOW = datetime(2026, 6, 9, 10, 0, tzinfo=UTC)  # a Tuesday
POLICY = policies.load()
SKILLS, TIERS, LANGUAGES = ("product", "network", "billing"), ("top", "middle"), ("zh", "en")

some_handlers = st.lists(
    st.builds(
        Handler,
        id=st.uuids().map(str),
        name=st.just("n"),
        role_title=st.just("r"),
        contact=st.just("c"),
        tiers=st.frozensets(st.sampled_from(TIERS)),
        skills=st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5)),
        languages=st.frozensets(st.sampled_from(LANGUAGES), min_size=1),
        capacity=st.integers(0, 3),
        permissions=st.sampled_from([frozenset(), frozenset({"lead"})]),
        shifts=st.sampled_from([(), (Shift((2,), "09:00", "17:00"),), (Shift((6, 7), "09:00", "17:00"),)]),
        calendar=st.sampled_from(["always", "cn-mainland"]),
        authority=st.sampled_from([{}, {"CNY": "500"}, {"CNY": "2000", "EUR": "100"}]),
        presence=st.sampled_from(["available", "available", "available", "away", "wrap_up"]),
        load=st.integers(0, 2),
        open_offers=st.integers(0, 2),
    ),
    max_size=8,
)
some_cases = st.lists(
    st.builds(
        Waiting,
        complaint_id=st.uuids(),
        version=st.just(1),
        rank=st.integers(0, 3),
        order_at=st.integers(-500, 500).map(lambda s: NOW + timedelta(seconds=s)),
        since=st.integers(0, 2500).map(lambda s: NOW - timedelta(seconds=s)),
        tier=st.sampled_from(TIERS),
        language=st.sampled_from(LANGUAGES),
        offer=st.booleans(),
        weight=st.sampled_from([1, 1, 1, 2, 3]),
        authority=st.sampled_from(
            [None, None, ("CNY", Decimal(500)), ("CNY", Decimal(1000)), ("EUR", Decimal(100)), ("CNY", None)]
        ),
        skills=st.lists(
            st.tuples(st.sampled_from(SKILLS), st.integers(1, 5)), max_size=2, unique_by=lambda p: p[0]
        ).map(tuple),
    ),
    max_size=20,
    unique_by=lambda w: w.complaint_id,
)


def may(case: Waiting, handler: Handler, policy: Policy) -> bool:
    """Whether the house's rules, read plainly, let this handler have the case now. Written apart from the matcher."""
    if case.language not in handler.languages or handler.id in case.excluded or absent(handler, NOW):
        return False
    for step in (Step(after=0, reason=""), *policy.relaxation[: step_of(case, policy, NOW)]):
        needed = {"all": case.skills, "primary": case.skills[:1], "none": ()}[step.skills]
        skilled = all(handler.skills.get(s, 0) >= max(1, m - step.lower) for s, m in needed)
        tiered = step.tiers == "any" or case.tier in handler.tiers
        if ((skilled and tiered) or (step.leads and "lead" in handler.permissions)) and (
            step.authority == "any" or reaches(case, handler)
        ):
            return True
    return False


def reaches(case: Waiting, handler: Handler) -> bool:
    """Whether the handler may grant what is at stake."""
    if case.authority is None or not handler.authority:
        return True
    currency, level = case.authority
    return level is not None and currency in handler.authority and Decimal(handler.authority[currency]) >= level


def has_room(load: int, capacity: int, weight: int) -> bool:
    """Whether a case fits into what is left; a case heavier than everything is for who has nothing."""
    return load < capacity and (load == 0 or load + weight <= capacity)


@examples(80)
@given(some_cases, some_handlers)
def test_every_assignment_is_allowed_and_within_capacity(cases: list[Waiting], staff: list[Handler]) -> None:
    result = match(cases, staff, NOW, POLICY)
    loads = {h.id: h.load for h in staff}
    for one in result.assignments:
        assert has_room(loads[one.handler.id], one.handler.capacity, one.case.weight)
        loads[one.handler.id] += one.case.weight
    for handler in staff:
        asked = sum(a.case.offer for a in result.assignments if a.handler.id == handler.id)
        assert asked == 0 or handler.open_offers + asked <= POLICY.open_offers
    assert all(may(a.case, a.handler, POLICY) for a in result.assignments)
    assert len({a.case.complaint_id for a in result.assignments}) == len(result.assignments)


@examples(80)
@given(some_cases, some_handlers)
def test_no_fitting_handler_is_idle_while_a_case_waits(cases: list[Waiting], staff: list[Handler]) -> None:
    result = match(cases, staff, NOW, POLICY)
    loads = {h.id: h.load for h in staff}
    for one in result.assignments:
        loads[one.handler.id] += one.case.weight
    asking = Counter({h.id: h.open_offers for h in staff})
    asking.update(a.handler.id for a in result.assignments if a.case.offer)
    served = {a.case.complaint_id for a in result.assignments}
    for case in cases:
        if case.complaint_id not in served:
            free = [h for h in staff if has_room(loads[h.id], h.capacity, case.weight) and may(case, h, POLICY)]
            asked = [h for h in free if not case.offer or asking[h.id] < POLICY.open_offers]
            # Room that is kept is kept for a heavier case that waits, at somebody who works on something.
            heavier = [c for c in cases if c.weight > case.weight and c.complaint_id not in served]
            assert all(loads[h.id] and any(may(c, h, POLICY) for c in heavier) for h in asked)


@examples(50)
@given(some_cases, some_handlers)
def test_cases_that_nobody_can_take_change_nothing_for_others(cases: list[Waiting], staff: list[Handler]) -> None:
    hopeless = [
        Waiting(UUID(int=n), 1, 0, NOW - timedelta(days=9), NOW, "top", "fr", (("product", 1),)) for n in range(500)
    ]
    alone = match(cases, staff, NOW, POLICY)
    among = match([*hopeless, *cases], staff, NOW, POLICY)
    assert [(a.case, a.handler) for a in among.assignments] == [(a.case, a.handler) for a in alone.assignments]
    assert all(among.explanations[h.complaint_id].lacking == "nobody" for h in hopeless)


@examples(50)
@given(some_cases, some_handlers)
def test_every_handler_is_accounted_for_in_every_explanation(cases: list[Waiting], staff: list[Handler]) -> None:
    result = match(cases, staff, NOW, POLICY)
    for case in cases:
        why = result.explanations[case.complaint_id]
        named = [c[0] for c in why.fitting] + [h for ids in why.refused.values() for h in ids]
        assert sorted(named) == sorted(h.id for h in staff)
        assert (why.chosen is None) == (why.lacking is not None)


@examples(50)
@given(some_cases, some_handlers)
def test_an_earlier_case_of_the_same_kind_is_never_passed_over(cases: list[Waiting], staff: list[Handler]) -> None:
    result = match(cases, staff, NOW, POLICY)
    served = {a.case.complaint_id for a in result.assignments}
    for case in cases:
        for other in cases:
            same = (case.requirement, step_of(case, POLICY, NOW)) == (other.requirement, step_of(other, POLICY, NOW))
            if same and (case.rank, case.order_at) < (other.rank, other.order_at) and other.complaint_id in served:
                assert case.complaint_id in served


@examples(60)
@given(some_cases, some_handlers)
def test_who_waits_longer_than_the_cap_is_overtaken_by_no_tier(cases: list[Waiting], staff: list[Handler]) -> None:
    crowded = POLICY.model_copy(update={"overload": Overload(above=0.01, starvation_cap=900)})
    result = match(cases, staff, NOW, crowded)
    served = {a.case.complaint_id for a in result.assignments}
    for case in cases:
        starved = (NOW - case.since).total_seconds() >= 900
        for other in cases:
            alike = replace(other, tier=case.tier)  # what they ask for is the same but for the tier
            same = (case.requirement, step_of(case, POLICY, NOW)) == (alike.requirement, step_of(other, POLICY, NOW))
            fresh = (NOW - other.since).total_seconds() < 900
            if starved and fresh and same and case.rank <= other.rank and other.complaint_id in served:
                taker = next(a.handler for a in result.assignments if a.case.complaint_id == other.complaint_id)
                assert case.complaint_id in served or not may(case, taker, crowded)


def test_tiers_are_strict_above_the_load_and_deadlines_count_below_it() -> None:
    def case(n: int, tier: str, due: int, waited: int) -> Waiting:
        at = NOW + timedelta(seconds=due)
        return Waiting(UUID(int=n), 1, 3, at, NOW - timedelta(seconds=waited), tier, "en", ())

    one = Handler("h", "H", "r", "c", frozenset(TIERS), {}, frozenset({"en"}), 1, presence="available")
    soon, top, starved = case(1, "middle", 60, 60), case(2, "top", 900, 1), case(3, "middle", 7200, 7201)
    policy = POLICY.model_copy(update={"overload": Overload(above=2.5, starvation_cap=7200)})

    def first(*cases: Waiting, backlog: int = 0) -> Waiting:
        return match(cases, [one], NOW, policy, backlog=backlog).assignments[0].case

    assert first(soon, top) is soon
    assert first(soon, top, backlog=3) is top
    assert first(soon, top, starved) is starved
    danger = replace(soon, rank=0)
    assert first(danger, top, starved) is danger


def test_the_last_handler_goes_first_unless_he_is_away_or_overloaded() -> None:
    def handler(name: str, **more: Any) -> Handler:
        given = {"capacity": 5, "presence": "available", **more}
        return Handler(name, name, "r", "c", frozenset(TIERS), {"product": 3}, frozenset({"en"}), **given)

    case = Waiting(UUID(int=1), 1, 3, NOW, NOW, "top", "en", (("product", 2),), last="known")

    def chosen(**more: Any) -> str | None:
        return match([case], [handler("idle"), handler("known", **more)], NOW, POLICY).explanations[UUID(int=1)].chosen

    assert chosen(load=3) == "known"
    assert chosen(load=4) == "idle"
    for presence in ("away", "break", "on_call", "wrap_up"):
        assert chosen(presence=presence) == "idle"


def test_a_heavy_case_keeps_room_until_it_fits_and_no_more_than_one_handlers() -> None:
    def handler(name: str, load: int) -> Handler:
        given = {"capacity": 4, "presence": "available", "load": load}
        return Handler(name, name, "r", "c", frozenset(TIERS), {}, frozenset({"en"}), **given)  # type: ignore[arg-type]

    heavy = Waiting(UUID(int=1), 1, 0, NOW, NOW, "top", "en", (), weight=3)
    light = [Waiting(UUID(int=n), 1, 3, NOW, NOW, "top", "en", ()) for n in range(2, 9)]
    found = match([*light, heavy], [handler("a", 2), handler("b", 3)], NOW, POLICY)
    assert [a.handler.id for a in found.assignments] == ["b"]
    assert found.explanations[heavy.complaint_id].refused == {"room:3": ["a", "b"]}
    assert found.explanations[light[-1].complaint_id].lacking == "busy"
    (given,) = match([heavy], [handler("a", 1)], NOW, POLICY).assignments
    assert given.handler.id == "a"
