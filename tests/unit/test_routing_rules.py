"""Routing's pure rules: the outcome of a decision, the policy file, shifts, order, the page that shows the table."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import uuid4

import pytest
import yaml

from services.routing import policy as policies
from services.routing import states
from services.routing.duty import Roster
from services.routing.handlers import event_handlers
from services.routing.handlers.decisions import overall
from services.routing.model import Case, Clock, Handler, Shift
from services.routing.policy import PolicyError, demand, parse
from services.routing.presence import absent, on_shift
from services.routing.triage import Triage, load_rules
from services.routing.waiting import order_at, signature, waiting_of
from shared.events.catalog import CONSUMERS
from shared.events.common import Finding, Issue, RequestOutcome

NOW = datetime(2026, 6, 9, 10, 0, tzinfo=UTC)
POLICY = policies.load()
HOUSE = yaml.safe_load((Path(policies.__file__).parent / "data" / "house.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [
        (["substantiated"], "upheld"),
        (["substantiated", "substantiated"], "upheld"),
        (["not_substantiated"], "not_upheld"),
        (["not_established"], "not_upheld"),
        (["not_established", "not_substantiated"], "not_upheld"),
        (["partly"], "partly"),
        (["substantiated", "not_established"], "partly"),
        (["partly", "not_substantiated"], "partly"),
    ],
)
def test_the_overall_outcome_follows_from_the_issues(findings: list[str], outcome: str) -> None:
    issues = [Issue(id=str(n), what="x", finding=f, request="refused") for n, f in enumerate(findings)]
    assert overall(issues) == outcome


def test_every_event_that_the_catalog_sends_to_routing_has_a_handler() -> None:
    wanted = {model for model, services in CONSUMERS.items() if "routing" in services}
    assert set(event_handlers(POLICY, Triage(load_rules()), Roster())) == wanted


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"causes": {}}, "unknown"),
        ({"messages": {"queue": "nowhere", "skills": {}}}, "nowhere"),
        ({"surprise": 1}, "surprise"),
        ({"expired_offers_set_away": 0}, "expired_offers_set_away"),
        ({"overload": {"above": 0}}, "overload.above"),
        ({"overload": {"above": 1.2, "starvation_cap": -1}}, "starvation_cap"),
        ({"head_start": {"gold": 90}}, "gold"),
        ({"weights": {"severity": {"P9": 2}}}, "P9"),
        ({"weights": {"causes": {"C1_product_quality": 0}}}, "weights.causes"),
        ({"stickiness": {"below": 2}}, "stickiness.below"),
        ({"authority_levels": [500, 100]}, "rise"),
        ({"relaxation": [{"after": 5, "reason": "b"}, {"after": 1, "reason": "a"}]}, "order"),
    ],
)
def test_a_wrong_policy_is_one_line_that_names_the_place(change: dict[str, object], says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse({**HOUSE, **change}, "policy.yaml")
    message = str(refused.value)
    assert message.startswith("policy.yaml: ")
    assert says in message
    assert "\n" not in message


def test_triggers_and_tiers_raise_the_demand() -> None:
    plain = demand(POLICY, cause="C1_product_quality", tier="middle", levels=frozenset(), vulnerable=False)
    top = demand(POLICY, cause="C1_product_quality", tier="top", levels=frozenset(), vulnerable=False)
    danger = demand(POLICY, cause="C1_product_quality", tier="low", levels=frozenset({"T0"}), vulnerable=False)
    assert (plain.queue, top.queue, danger.queue) == ("product", "complaints_senior", "complaints_senior")
    assert top.skills[0].minimum == plain.skills[0].minimum + 1


def test_shifts_in_the_handlers_zone_also_over_midnight() -> None:
    day = (Shift((1, 2, 3, 4, 5), "09:00", "17:30"),)
    assert on_shift(day, "UTC", NOW)
    assert not on_shift(day, "Asia/Shanghai", NOW)  # 18:00 there
    night = (Shift((1,), "22:00", "06:00"),)
    assert on_shift(night, "UTC", datetime(2026, 6, 8, 23, 0, tzinfo=UTC))
    assert on_shift(night, "UTC", datetime(2026, 6, 9, 5, 59, tzinfo=UTC))
    assert not on_shift(night, "UTC", datetime(2026, 6, 9, 6, 0, tzinfo=UTC))
    assert on_shift((), "UTC", NOW)


def test_public_holidays_and_worked_weekends_of_the_handlers_own_calendar() -> None:
    week = (Shift((1, 2, 3, 4, 5), "09:00", "18:00"),)

    def there(day: int, month: int, calendar: str, shifts: tuple[Shift, ...] = week) -> str:
        noon = datetime(2026, month, day, 4, 0, tzinfo=UTC)  # noon in Shanghai
        given = {"zone": "Asia/Shanghai", "calendar": calendar, "shifts": shifts, "presence": "available"}
        return absent(Handler("h", "H", "r", "c", frozenset(), {}, frozenset(), 1, **given), noon)  # type: ignore[arg-type]

    assert there(1, 10, "cn-mainland") == "holiday"  # National Day, a Thursday
    assert there(1, 10, "always") == ""
    assert there(1, 10, "uk-england") == ""
    assert there(10, 10, "cn-mainland") == ""  # a Saturday that is worked for it
    assert there(10, 10, "uk-england") == "off_shift"
    weekend = (Shift((6, 7), "09:00", "18:00"),)
    assert there(17, 10, "cn-mainland", weekend) == ""
    assert there(3, 10, "cn-mainland", weekend) == "holiday"  # a Saturday within the holidays
    assert there(1, 10, "cn-mainland", ()) == ""  # no plan: what he says counts


def test_an_amount_asks_for_the_next_level_of_authority() -> None:
    levels = ("0.01 CNY", "100 CNY", "100.01 CNY", "100000.5 EUR", "99", None)
    found = [POLICY.authority(value) for value in levels]
    assert found == [("CNY", 100), ("CNY", 100), ("CNY", 200), ("EUR", None), None, None]


def test_grave_cases_and_messages_weigh_what_the_policy_says() -> None:
    weights = {"severity": {"P1": 2}, "causes": {"C6_policy_disagreement": 3}, "messages": 1}
    policy = parse({**HOUSE, "weights": weights}, "policy.yaml")
    found = [
        policy.weight(kind=kind, severity=severity, cause=cause)
        for kind, severity, cause in (
            ("complaint", "P1", "unknown"), ("complaint", "P3", "unknown"), ("question", "P1", "unknown"),
            ("complaint", "P1", "C6_policy_disagreement"),
        )
    ]  # fmt: skip
    assert found == [2, 1, 1, 3]


def test_order_is_the_deadline_minus_the_head_start() -> None:
    case = Case(uuid4(), received_at=NOW, waiting_since=NOW, tier="top")
    assert order_at(case, POLICY) == NOW - timedelta(seconds=90)
    due = NOW + timedelta(hours=2)
    case.clocks = [Clock("acknowledgement", "running", NOW), Clock("decision", "running", due)]
    assert order_at(case, POLICY) == due - timedelta(seconds=90)
    case.clocks = [Clock("decision", "met", due)]
    assert order_at(case, POLICY) == NOW - timedelta(seconds=90)


def test_exclusions_end_and_have_a_signature_of_their_own() -> None:
    case = Case(uuid4(), received_at=NOW, waiting_since=NOW, exclusions={"zhang": NOW + timedelta(minutes=1)})
    before = waiting_of(case, POLICY, NOW)
    after = waiting_of(case, POLICY, NOW + timedelta(minutes=2))
    assert (before.excluded, after.excluded) == (frozenset({"zhang"}), frozenset())
    assert signature(before) != signature(after)
    case.stage, case.deciders = 2, ["wang"]
    assert waiting_of(case, POLICY, NOW + timedelta(minutes=2)).excluded == {"wang"}


def test_the_page_shows_the_table_as_it_is() -> None:
    page = Path(__file__).parents[2] / "docs" / "routing.md"
    assert states.table_markdown() in page.read_text("utf-8"), "write it anew with `amends route states`"


def test_a_tier_that_the_house_does_not_know_is_served_as_the_lowest() -> None:
    case = Case(uuid4(), received_at=NOW, waiting_since=NOW, tier="platinum")
    assert waiting_of(case, POLICY, NOW).tier == "low"


def test_every_label_of_the_desk_is_used_and_in_both_languages() -> None:
    rooms = Path(policies.__file__).parent
    labels = yaml.load((rooms / "data" / "desk.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)
    sources = [*rooms.glob("templates/desk/*.html"), *rooms.glob("api/*.py"), rooms / "desk_words.py"]
    quoted = set(re.findall(r"['\"]([a-z_0-9]+)['\"]", "\n".join(p.read_text("utf-8") for p in sources)))
    named_by_data = {*get_args(Finding), *get_args(RequestOutcome), "fits"}
    assert not set(labels) - quoted - named_by_data
    assert set(get_args(Finding)) <= set(labels)
    assert all(len(words) == 2 and all(words) for words in labels.values())
