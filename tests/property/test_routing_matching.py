"""Matching, whatever the staff and the queue look like: work-conserving, within capacity, nobody starved by others."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.routing import policy as policies
from services.routing.matching import Waiting, match, step_of
from services.routing.model import Handler, Shift
from services.routing.policy import Policy, Step
from services.routing.presence import absent
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
        if (skilled and tiered) or (step.leads and "lead" in handler.permissions):
            return True
    return False


@examples(80)
@given(some_cases, some_handlers)
def test_every_assignment_is_allowed_and_within_capacity(cases: list[Waiting], staff: list[Handler]) -> None:
    result = match(cases, staff, NOW, POLICY)
    given_to = Counter(a.handler.id for a in result.assignments)
    for handler in staff:
        assert given_to[handler.id] == 0 or handler.load + given_to[handler.id] <= handler.capacity
        asked = sum(a.case.offer for a in result.assignments if a.handler.id == handler.id)
        assert asked == 0 or handler.open_offers + asked <= POLICY.open_offers
    assert all(may(a.case, a.handler, POLICY) for a in result.assignments)
    assert len({a.case.complaint_id for a in result.assignments}) == len(result.assignments)


@examples(80)
@given(some_cases, some_handlers)
def test_no_fitting_handler_is_idle_while_a_case_waits(cases: list[Waiting], staff: list[Handler]) -> None:
    result = match(cases, staff, NOW, POLICY)
    loads = {h.id: h.load for h in staff}
    loads.update(Counter({h.id: h.load for h in staff}) + Counter(a.handler.id for a in result.assignments))
    asking = Counter({h.id: h.open_offers for h in staff})
    asking.update(a.handler.id for a in result.assignments if a.case.offer)
    served = {a.case.complaint_id for a in result.assignments}
    for case in cases:
        if case.complaint_id not in served:
            free = [h for h in staff if loads[h.id] < h.capacity and may(case, h, POLICY)]
            assert not [h.id for h in free if not case.offer or asking[h.id] < POLICY.open_offers]


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
