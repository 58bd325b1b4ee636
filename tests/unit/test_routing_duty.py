"""The duty lead: who of the leads is there, by presence and shift, in the order in which they are paged."""

from datetime import UTC, datetime
from typing import Any

from services.routing.duty import Roster, on_duty
from services.routing.model import Handler, Shift

FRIDAY_NIGHT = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
NIGHT, DAY = Shift((1, 2, 3, 4, 5, 6, 7), "22:00", "06:00"), Shift((1, 2, 3, 4, 5), "09:00", "17:00")


def lead(name: str, presence: Any = "available", **more: Any) -> Handler:
    given = {"languages": frozenset({"en"}), "capacity": 6, "permissions": frozenset({"lead"})} | more
    return Handler(
        name, name.title(), "team lead", f"{name}@house.example", frozenset(), {}, presence=presence, **given
    )


def names(*staff: Handler, language: Any = "en", now: datetime = FRIDAY_NIGHT) -> list[str]:
    return [found.id for found in on_duty(staff, now, language)]


def test_who_is_away_off_shift_or_no_lead_is_not_paged() -> None:
    handler = lead("handler", permissions=frozenset())
    assert names(lead("away", "away"), lead("day", shifts=(DAY,)), lead("night", shifts=(NIGHT,)), handler) == ["night"]
    assert names(lead("away", "away"), handler) == []


def test_shifts_count_in_the_leads_own_zone() -> None:
    shanghai = lead("min", shifts=(Shift((6,), "07:00", "15:00"),), zone="Asia/Shanghai")
    assert names(shanghai) == ["min"], "it is half past seven on Saturday there"
    assert names(shanghai, now=datetime(2026, 11, 27, 8, 0, tzinfo=UTC)) == []


def test_free_before_busy_then_the_customers_language_then_room() -> None:
    staff = [
        lead("break", "break"), lead("call", "on_call"), lead("writing", "wrap_up"),
        lead("full", load=6), lead("chinese", languages=frozenset({"zh", "en"}), load=3), lead("free"),
    ]  # fmt: skip
    assert names(*staff) == ["free", "chinese", "full", "writing", "call", "break"]
    assert names(*staff, language="zh")[:2] == ["chinese", "free"]


def test_the_roster_judges_at_the_moment() -> None:
    roster = Roster()
    assert roster.on_duty(FRIDAY_NIGHT, "en") == ()
    roster.put([lead("night", shifts=(NIGHT,))])
    assert [s.name for s in roster.on_duty(FRIDAY_NIGHT, "en")] == ["Night"]
    assert roster.on_duty(datetime(2026, 11, 27, 12, 0, tzinfo=UTC), "en") == ()
