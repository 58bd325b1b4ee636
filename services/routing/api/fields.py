"""The kinds of fields that bodies are made of."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from shared.events.common import Cause

_CAUSES = {
    c.split("_")[0]: c
    for c in (
        "C1_product_quality", "C2_repair_quality", "C3_network_defect", "C4_agent_error", "C5_staff_service",
        "C6_policy_disagreement", "C7_beyond_own_standard", "C8_measuring_gap", "C9_unmet_excessive",
    )
}  # fmt: skip


def clean(text: str) -> str:
    """The text itself; raises ValueError for what is none."""
    if "\x00" in text:
        raise ValueError("NUL is not text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate is not text") from None
    return text


def _plausible(moment: datetime) -> datetime:
    """Times at the edge of the calendar cannot be moved to UTC, and nobody's complaint is there."""
    if not 1900 <= moment.year <= 2200:
        raise ValueError("the year must be between 1900 and 2200")
    return moment.astimezone(UTC)


def _iso_day(day: date) -> str:
    if not 1900 <= day.year <= 2200:
        raise ValueError("the year must be between 1900 and 2200")
    return day.isoformat()


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
Day = Annotated[date, AfterValidator(_iso_day)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(clean)]
Long = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), AfterValidator(clean)]
Id = Annotated[str, StringConstraints(pattern=r"^[\w.@-]{1,64}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4, allow_inf_nan=False)]
AnyCause = Annotated[Cause, BeforeValidator(lambda c: _CAUSES.get(c, c) if isinstance(c, str) else c)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Command(Body):
    """Any command on a case; with `version` it is refused (409) when the case has changed since."""

    version: int | None = Field(None, ge=0)
