"""The kinds of fields that bodies are made of."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from shared.base.fields import clean
from shared.events.common import Cause

_CAUSES = {
    c.split("_")[0]: c
    for c in (
        "C1_product_quality", "C2_repair_quality", "C3_network_defect", "C4_agent_error", "C5_staff_service",
        "C6_policy_disagreement", "C7_beyond_own_standard", "C8_measuring_gap", "C9_unmet_excessive",
    )
}  # fmt: skip


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
