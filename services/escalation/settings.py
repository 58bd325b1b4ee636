"""Configuration of escalation."""

from pathlib import Path

from pydantic import Field

from shared.base.config import ServiceSettings


class Settings(ServiceSettings):
    """Escalation's own variables."""

    escalation_packs: Path | None = Field(
        None, description="A policy pack, or a folder of them (*.yaml), instead of the package's own"
    )
    calendars: Path | None = Field(None, description="A file of calendars, over the package's own")
