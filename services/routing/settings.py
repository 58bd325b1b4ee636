"""Routing's configuration."""

from pathlib import Path

from pydantic import Field

from shared.base.config import ServiceSettings


class Settings(ServiceSettings):
    """What routing needs besides what every service needs."""

    routing_policy: Path | None = Field(None, description="A routing policy file instead of the house's own")
