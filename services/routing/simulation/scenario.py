"""A scenario: who comes, who is there, in which order they are served. Data, checked when read."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SHIPPED = files("services.routing") / "data" / "scenarios"
Order = Literal["fifo", "strict", "deadline", "accumulating", "late_last"]


class ScenarioError(ValueError):
    """The file is no scenario; the message names file and place."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Service(_Strict):
    """How long a case takes, in seconds."""

    mean: float = Field(300, gt=0)
    distribution: Literal["exponential", "lognormal", "constant"] = "exponential"
    cv: float = Field(1.0, gt=0, description="Standard deviation by mean, of a lognormal time")


class Staffing(_Strict):
    """So many handlers alike."""

    count: int = Field(gt=0)
    tiers: tuple[str, ...] = Field(min_length=1)
    skills: dict[str, int] = {}
    capacity: int = Field(1, ge=1)


class Arrivals(_Strict):
    """A class of customers. `deadline` is the promised first response, in seconds after arrival."""

    tier: str
    share: float = Field(gt=0)
    skill: str | None = None
    least: int = Field(1, ge=1, le=5, description="The proficiency that the skill is needed with")
    deadline: float = Field(300, gt=0)
    head_start: float = Field(0, ge=0, description="Seconds of credit on arrival")
    slope: float = Field(1, gt=0, description="How fast urgency grows, for the order `accumulating`")


class Variant(_Strict):
    """One line of the result."""

    name: str
    order: Order = "fifo"
    handlers: tuple[Staffing, ...] = Field(min_length=1)
    classes: tuple[Arrivals, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _served(self) -> "Variant":
        for one in self.classes:
            able = [h for h in self.handlers if one.tier in h.tiers]
            if one.skill:
                able = [h for h in able if h.skills.get(one.skill, 0) >= one.least]
            if not able:
                raise ValueError(f"nobody may serve tier {one.tier}{f' with skill {one.skill}' if one.skill else ''}")
        return self


class Scenario(_Strict):
    """Variants under the same loads and the same arrivals. `loads`: offered work by the number of handlers."""

    name: str
    about: str = ""
    loads: tuple[float, ...] = Field(min_length=1)
    customers: int = Field(20_000, ge=100, le=5_000_000, description="Counted, after the warm-up")
    warm_up: int = Field(2_000, ge=0)
    seeds: tuple[int, ...] = Field((1,), min_length=1)
    service: Service = Service()
    patience: float | None = Field(None, gt=0, description="Mean seconds until a customer gives up")
    variants: tuple[Variant, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> "Scenario":
        if any(not 0 < load < 2 for load in self.loads):
            raise ValueError("loads must lie between 0 and 2")
        return self

    def runs(self) -> Iterator[tuple[float, Variant]]:
        """Each load with each variant."""
        for load in self.loads:
            for variant in self.variants:
                yield load, variant


def read(path: Path) -> Scenario:
    """The scenario of a file, or a shipped one by its name. Raises ScenarioError."""
    shipped = SHIPPED / f"{path.name}.yaml"
    source = shipped if not path.suffix and len(path.parts) == 1 and not path.exists() else path
    try:
        document: Any = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        names = ", ".join(sorted(p.name.removesuffix(".yaml") for p in SHIPPED.iterdir() if p.name.endswith(".yaml")))
        raise ScenarioError(f"{path}: {error.strerror or 'cannot be read'} (shipped: {names})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {' '.join(str(error).split())}") from None
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise ScenarioError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
