"""Configuration of escalation."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from shared.base.config import ServiceSettings
from shared.deliver.http import checked_url, networks

from .pages import Format


class Settings(ServiceSettings):
    """Escalation's own variables."""

    escalation_packs: Path | None = Field(
        None, description="A policy pack, or a folder of them (*.yaml), instead of the package's own"
    )
    calendars: Path | None = Field(None, description="A file of calendars, over the package's own")
    on_call_url: str | None = Field(None, description="Where rungs with `page` go: a webhook, or …/api/v2/alerts")
    on_call_format: Format = Field("webhook", description="webhook (signed), or alertmanager")
    on_call_secret: SecretStr = Field(SecretStr(""), description="What the on-call's receiver checks signatures with")
    on_call_networks: list[str] = Field(
        [], description="JSON list of networks in CIDR form in which the on-call may be although they are not public"
    )

    @field_validator("on_call_url")
    @classmethod
    def _url(cls, given: str | None) -> str | None:
        return None if given is None else checked_url(given, plain=True)

    @field_validator("on_call_networks")
    @classmethod
    def _networks(cls, given: list[str]) -> list[str]:
        networks(given)
        return given
