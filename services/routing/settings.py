"""Routing's configuration."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.base.config import ServiceSettings
from shared.base.security import Role


class Settings(ServiceSettings):
    """What routing needs besides what every service needs."""

    routing_policy: Path | None = Field(None, description="A routing policy file instead of the house's own")
    session_hours: float = Field(12, gt=0, le=720, description="How long a sign-in lasts")
    cookie_domain: str | None = Field(
        None, pattern=r"^[a-z0-9.-]+$", description="Where desk and other pages have different hosts: what these share"
    )
    oidc_issuer: str | None = Field(
        None, pattern=r"^https?://\S+$", description="Identity provider whose people may sign in; its issuer identifier"
    )
    oidc_client_id: str = Field("", description="What the provider calls the desk")
    oidc_client_secret: SecretStr | None = Field(None, description="The desk's secret there; without it PKCE alone")
    oidc_scopes: str = Field("openid profile email", description="What the provider is asked for")
    oidc_name_claim: str = Field("preferred_username", description="Claim that is the account's name, a handler's id")
    oidc_role_claim: str = Field("groups", description="Claim that holds groups or roles; a dot leads inside")
    oidc_roles: dict[str, Role] = Field(
        {}, description="JSON: the provider's group → our role; of several groups the first one here counts"
    )
    oidc_label: str = Field("", max_length=60, description="How the provider is called on the button")
    notifier_url: str | None = Field(
        None, description="Where the notifier answers: the desk shows letters, previews and proposals from there"
    )
    intake_url: str | None = Field(
        None, description="Where intake answers: the files that customers sent are fetched from there"
    )
    desk_connections: int = Field(200, ge=1, description="Open desks that one replica tells of changes")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_roles and self.desk_url):
            raise ValueError("AMENDS_OIDC_ISSUER also needs OIDC_CLIENT_ID, OIDC_ROLES and DESK_URL")
        return self
