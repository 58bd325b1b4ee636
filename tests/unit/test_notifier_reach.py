"""Which way a letter goes, and not before which hour of the customer."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import policy
from services.notifier.model import Contact, Facts
from services.notifier.policy import Quiet
from services.notifier.reach import Way, not_before, way
from shared.events import intake
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import Story, begun

POLICY = policy.load(None)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("person", "texts", "expected"),
    [
        ({"email": "a@b.example", "phone": "+1"}, True, Way("email", "a@b.example")),
        ({"email": "a@b.example", "email_dead": True, "phone": "+1"}, True, Way("sms", "+1")),
        ({"email": "a@b.example", "email_dead": True, "phone": "+1"}, False, None),
        ({"phone": "+1"}, True, Way("sms", "+1")),
        ({}, True, None),
    ],
)
def test_email_first_then_a_text_message_then_a_person(person: Any, texts: bool, expected: Way | None) -> None:
    facts = begun().matter.facts
    assert facts is not None
    channels = ("email", "sms") if texts else ("email",)
    assert way(facts.model_copy(update={"person": Contact(**person)}), channels) == expected


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        ("2026-06-09T20:59+08:00", None),
        ("2026-06-09T21:00+08:00", "2026-06-10T08:00+08:00"),
        ("2026-06-10T03:00+08:00", "2026-06-10T08:00+08:00"),
        ("2026-06-10T07:59:59+08:00", "2026-06-10T08:00+08:00"),
        ("2026-06-10T08:00+08:00", None),
        ("2026-06-09T14:00+00:00", "2026-06-10T00:00+00:00"),
    ],
)
def test_text_messages_wait_for_the_customers_morning(at: str, leaves: str | None) -> None:
    now = datetime.fromisoformat(at)
    assert not_before(now, "sms", "progress", SHANGHAI, POLICY) == (datetime.fromisoformat(leaves) if leaves else now)
    assert not_before(now, "email", "progress", SHANGHAI, POLICY) == now
    assert not_before(now, "sms", "acknowledgement", SHANGHAI, POLICY) == now


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.times(), st.times(),
    st.sampled_from(["Asia/Shanghai", "Europe/London", "America/Los_Angeles"]),
)  # fmt: skip
def test_a_wait_is_never_longer_than_the_quiet_hours_and_ends_outside_them(
    at: datetime, begins: time, ends: time, zone: str
) -> None:
    house, now = ZoneInfo(zone), at.replace(tzinfo=UTC)
    quiet = POLICY.model_copy(update={"quiet_hours": {"sms": Quiet(begins=begins, ends=ends)}})
    leaves = not_before(now, "sms", "progress", house, quiet)
    assert now <= leaves <= now + timedelta(hours=25)
    if leaves != now:
        assert leaves.astimezone(house).replace(tzinfo=None).time() == ends or leaves.astimezone(house).dst()


def test_a_new_address_is_written_to_although_the_old_one_is_dead() -> None:
    story = begun()
    back = intake.BounceReceived(
        customer_id=c.CUSTOMER, letter_message_id="<x@y>", status="5.1.1", permanent=True,
        personal={c.CUSTOMER: intake.Person(email="lina@example.org")},
    )  # fmt: skip
    story.tell(back, c.decided())
    assert story.letter("resolution").state == "no_address"
    assert story.matter.suppress == [("lina@example.org", "came back: 5.1.1")]
    changed = intake.CustomerChanged(
        customer=intake.Customer(customer_id=c.CUSTOMER, tier="low", language="en"),
        personal={c.CUSTOMER: intake.Person(email="li.na@example.org")},
    )
    story.tell(changed, c.replied("Your order is on its way, and it reaches you by 12 June."))
    assert story.letter("reply").address == "li.na@example.org"


def test_a_bounce_of_another_address_or_for_now_changes_nothing() -> None:
    story: Story = begun()
    old = intake.Person(email="old@example.org")
    for permanent, person in ((False, intake.Person(email="lina@example.org")), (True, old)):
        story.tell(
            intake.BounceReceived(
                customer_id=c.CUSTOMER, letter_message_id="<x@y>", status="5.1.1", permanent=permanent,
                personal={c.CUSTOMER: person},
            )
        )  # fmt: skip
    facts: Facts | None = story.matter.facts
    assert facts is not None
    assert not facts.person.email_dead
    assert story.matter.suppress == [("old@example.org", "came back: 5.1.1")]
