"""The house's letter policy: who signs, how long things are held, what needs approval. Data, in policy.yaml."""

from datetime import time
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.calendars import CalendarError, Duration, builtin


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class House(Strict):
    """How the house signs letters that no person wrote, in one language."""

    name: str
    contact: str
    timezone: str
    calendar: str = Field("mon-fri", description="Whose working days count: a calendar of shared/calendars")

    @field_validator("calendar")
    @classmethod
    def _counts(cls, value: str) -> str:
        try:
            builtin().get(value)
        except CalendarError as problem:
            raise ValueError(str(problem)) from None
        return value

    @field_validator("timezone")
    @classmethod
    def _exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone {value!r}") from None
        return value


class Quiet(Strict):
    """From when to when nothing leaves, by the customer's clock; over midnight when it ends before it begins."""

    begins: time
    ends: time


class Policy(Strict):
    """Durations are seconds."""

    house: dict[str, House]
    default_language: str = "en"
    acknowledge_after: float = Field(5.0, ge=0, description="Longest wait for triage and clocks before acknowledging")
    hold: dict[str, float] = Field({}, description="Letter kind → how long it can still be cancelled or merged")
    review_days: int = Field(21, ge=1, description="Calendar days in which a customer can ask for a review")
    reply_days: int = Field(10, ge=1, description="Calendar days in which we ask for a customer's word")
    word_days: int = Field(2, ge=1, description="Working days until we name a new day for a broken promise")
    verify_unknown: bool = Field(
        True, description="Ask who they are when somebody writes about a case from an address that is not on record"
    )
    remind_hours: float = Field(48, gt=0, description="How long before the day of an answer a customer is reminded")
    rights: dict[str, list[str]] = Field({}, description="Language → what final and holding letters say, word for word")
    rights_of: dict[str, dict[str, list[str]]] = Field(
        {}, description="Policy pack → language → the same where this pack's law holds"
    )
    authority: dict[str, Decimal] = Field({}, description="Currency → largest sum of a letter without approval")
    approve_within: str = Field("4bh", description="How long an approver may take, as clocks are written")
    approval_calendar: str = Field("mon-fri", description="In whose working time: a calendar of shared/calendars")
    quiet_hours: dict[Literal["email", "sms", "post", "chat"], Quiet] = Field(
        {}, description="Channel → when letters wait till morning"
    )
    deadline: float = Field(259200.0, gt=0, description="How long sending is tried")
    retry_base: float = Field(30.0, gt=0)
    retry_cap: float = Field(3600.0, gt=0)
    keep_days: int = Field(1095, ge=1, description="How long letters are kept")

    def rights_in(self, language: str, pack: str | None) -> list[str]:
        """What is said of the customer's rights, word for word: by the law that holds, otherwise the house's text."""
        return self.rights_of.get(pack or "", {}).get(language) or self.rights.get(language, [])

    @field_validator("approve_within")
    @classmethod
    def _duration(cls, value: str) -> str:
        try:
            return str(Duration.parse(value))
        except CalendarError as problem:
            raise ValueError(str(problem)) from None

    @field_validator("approval_calendar")
    @classmethod
    def _calendar(cls, value: str) -> str:
        try:
            return builtin().get(value).id
        except CalendarError as problem:
            raise ValueError(str(problem)) from None


class PolicyError(ValueError):
    """The policy file is wrong; the message is one line."""


def load(path: Path | None) -> Policy:
    """The policy in this file, or the house policy. Raises PolicyError."""
    source = path if path else files("services.notifier") / "data" / "policy.yaml"
    try:
        return Policy.model_validate(yaml.safe_load(source.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as problem:
        raise PolicyError(f"{source}: {' '.join(str(problem).split())}") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise PolicyError(f"{source}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
