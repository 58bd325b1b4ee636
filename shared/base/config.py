"""Configuration from the environment; a wrong value is one line that names its variable."""

import sys
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.events.envelope import TOPIC
from shared.languages import PACKAGE, Languages

from .brokers import Brokers


class Settings(BaseSettings):
    """Base of every configuration: variables begin with AMENDS_."""

    model_config = SettingsConfigDict(env_prefix="AMENDS_", extra="ignore", env_ignore_empty=True)


class KafkaAccess(Settings):
    """Where the brokers are and how we prove who we are."""

    kafka_bootstrap: str = Field(description="host:port[,host:port] of the Kafka brokers")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str | None = Field(None, description="For SASL")
    kafka_password: SecretStr | None = Field(None, description="For SASL")
    kafka_ca: Path | None = Field(None, description="PEM of who signed the brokers; without it the system's list")
    kafka_certificate: Path | None = Field(None, description="PEM of our certificate, where brokers ask for one")
    kafka_key: Path | None = Field(None, description="PEM of its key")

    @property
    def brokers(self) -> Brokers:
        """What clients connect with. Raises Refused when the files or the login do not fit the protocol."""
        return Brokers(
            self.kafka_bootstrap,
            security=self.kafka_security,
            mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_username,
            password=self.kafka_password.get_secret_value() if self.kafka_password else None,
            ca=self.kafka_ca,
            certificate=self.kafka_certificate,
            key=self.kafka_key,
        ).checked()


class ServiceSettings(KafkaAccess):
    """What every service needs. Durations are seconds, sizes bytes."""

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/database, the service's own role")
    deployment_id: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$", description="Names this installation; never changes")
    token_key: SecretStr = Field(min_length=32, description="Key that signs the bearer tokens of people and services")
    token_key_before: SecretStr | None = Field(
        None, min_length=32, description="The key before that one: what it signed stays good as long as it stands here"
    )
    public_url: str = Field("http://127.0.0.1:8001", description="Where customers reach intake's pages")
    routing_url: str | None = Field(None, description="Where routing answers: it knows whether a sign-in is still good")
    desk_url: str | None = Field(None, description="Where people reach the desk, to sign in for every page")
    languages: Path | None = Field(None, description="Folder of further languages; docs/adding-a-language.md")
    time_zones: dict[str, str] = Field(
        {code: tongue.zone for code, tongue in PACKAGE.items()},
        description="JSON: the zone in which people who read a language are told times",
    )
    http_host: str = "127.0.0.1"
    http_port: int = Field(8000, ge=0, le=65535)
    log_format: Literal["console", "json"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    work_pool: int = Field(8, ge=2, description="Connections for the loops and commands")
    api_pool: int = Field(5, ge=1, description="Connections for reads on behalf of callers")
    instance: str | None = Field(None, description="A name this replica keeps over restarts, unique in its service")
    session_timeout: float = Field(10.0, ge=1.0, description="Seconds until a dead replica's share is given away")
    topic: str = Field(TOPIC, description="Another name when several installations share a Kafka cluster")
    topic_partitions: int = Field(12, ge=1, description="Fixed when the topic is made")
    accept_older_database: bool = Field(False, description="After a restore: go on although the topic knows more")
    poll_records: int = Field(500, ge=1, description="Events per consumer transaction at most")
    backlog_wait: float = Field(60.0, description="How long a due timer waits for the consumer to catch up")
    park_limit: int = Field(20, ge=1, description="Events parked in ten minutes before the consumer stops itself")
    inbox_days: int = Field(21, ge=1, description="Longer than the topic's retention")
    tracing: str | None = Field(None, description="Collector of traces, http://host:4318; without it there are none")
    tracing_share: float = Field(1.0, ge=0, le=1, description="Share of the traces that begin here and are kept")
    shutdown_grace: float = Field(25.0, description="How long a stop may take")

    @property
    def token_keys(self) -> tuple[str, ...]:
        """The key that signs, and then the one before it, if what that one signed is still good."""
        keys = (self.token_key, self.token_key_before)
        return tuple(key.get_secret_value() for key in keys if key)

    @cached_property
    def tongues(self) -> Languages:
        """The languages in which there are customers. Raises LanguagesError."""
        return Languages.of(self.languages)

    @field_validator("languages")
    @classmethod
    def _folder_of_languages(cls, folder: Path | None) -> Path | None:
        Languages.of(folder)
        return folder

    @model_validator(mode="after")
    def _zones_of_languages(self) -> Self:
        zones = {code: tongue.zone for code, tongue in self.tongues.all.items()}
        self.time_zones = {**zones, **self.time_zones}
        return self

    @field_validator("time_zones")
    @classmethod
    def _known(cls, zones: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(zones.values()) - available_timezones()):
            raise ValueError(f"no time zone {', '.join(unknown)}")
        return zones


S = TypeVar("S", bound=Settings)


def load(settings: type[S]) -> S:
    """Read the environment. Exits with 2 and one line per wrong variable."""
    try:
        return settings()
    except ValidationError as problem:
        for error in problem.errors(include_input=False, include_url=False):
            name = "AMENDS_" + "_".join(str(part) for part in error["loc"]).upper()
            what = "is not set" if error["type"] == "missing" else error["msg"]
            print(f"{name}: {what}", file=sys.stderr)
        raise SystemExit(2) from None
