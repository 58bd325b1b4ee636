"""When two complaints are proposed as one matter: identity, order, words and time together, never one of them alone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.likeness import ALIKE, Matter, evidence, likeness, plain_order

AT = datetime(2026, 6, 9, tzinfo=UTC)
ADA, EVE = uuid4(), uuid4()
WEB = "The broadband in my flat fails every evening since Monday; the technician never came."
CALL = "Caller says broadband fails each evening since Monday, technician did not come as agreed."
OTHER = "You charged my card twice for the annual fee and nobody refunds it."


def matter(
    text: str = WEB, *, person: UUID = ADA, order: str | None = None, days: float = 0, channel: str = "web"
) -> Matter:
    about = plain_order(order)
    return Matter(uuid4(), "AM-1", channel, AT + timedelta(days=days), text, about, frozenset((person,)))


def test_the_same_fault_in_other_words_is_alike_and_another_is_not() -> None:
    assert likeness(WEB, CALL) >= ALIKE > likeness(WEB, OTHER)
    assert likeness("宽带每天晚上断网，师傅一直没来修。", "客户说宽带晚上断网，约好的师傅没来。") >= ALIKE
    assert likeness("宽带每天晚上断网，师傅一直没来修。", "年费扣了两次，没人退款。") < ALIKE


def test_the_same_person_with_the_same_matter_is_proposed_with_its_reasons() -> None:
    alike, reasons = evidence(matter(), matter(CALL, channel="hotline", days=0.3))
    assert reasons == ["customer", f"text {alike}", "channels web hotline", "hours 7"]
    _, reasons = evidence(matter(order="AB-47 11"), matter(OTHER, order="ab4711"))
    assert reasons == ["customer", "order", "hours 0"]


@pytest.mark.parametrize(
    "other",
    [matter(OTHER), matter(CALL, person=EVE), matter(OTHER, person=EVE, order="4711"), matter(CALL, days=31)],
    ids=["another matter", "another person", "a stranger with the order's number", "long ago"],
)
def test_one_reason_alone_proposes_nothing(other: Matter) -> None:
    assert evidence(matter(order="4711"), other)[1] == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_likeness_is_the_same_from_both_sides(one: str, other: str) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other) <= 100
    assert likeness(one, one) in (0, 100)
