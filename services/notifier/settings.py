"""Configuration of the notifier."""

from pathlib import Path

from pydantic import Field, SecretStr

from shared.base.config import ServiceSettings


class Settings(ServiceSettings):
    """The notifier's own variables. Durations are seconds."""

    smtp_url: str = Field(
        "smtp://127.0.0.1:8026", description="smtp://[user:password@]host[:port][?starttls=1][&ca=FILE], smtps://…"
    )
    smtp_connections: int = Field(
        24, ge=1, le=64, description="Kept connections to the mail server; two letters each are on their way at most"
    )
    smtp_timeout: float = Field(20.0, gt=0, description="Longest wait for one answer of the mail server")
    mail_domain: str = Field(
        "amends.example", pattern=r"^[A-Za-z0-9.-]+$", description="Domain of Message-IDs and of reply addresses"
    )
    mail_from: str | None = Field(None, description="Sender as customers see it; without it care@ and the mail domain")
    sms_url: str | None = Field(None, description="Gateway that text messages are posted to, signed; none without it")
    sms_secret: SecretStr | None = Field(None, min_length=16, description="Secret that the gateway knows us by")
    sms_networks: list[str] = Field([], description="JSON: networks (CIDR) of gateways that are not on the internet")
    chat_url: str | None = Field(None, description="Gateway that chat messages are posted to, signed; none without it")
    chat_secret: SecretStr | None = Field(None, min_length=16, description="Secret that the chat gateway knows us by")
    post_url: str | None = Field(None, description="Letter shop that letters on paper are posted to as PDF, signed")
    post_secret: SecretStr | None = Field(None, min_length=16, description="Secret that the letter shop knows us by")
    post_spool: Path | None = Field(None, description="Folder of a printer: letters on paper are put there as PDF")
    letter_lease: float = Field(120.0, gt=0, description="When a letter that is being sent is given up as unknown")
    notifier_policy: Path | None = Field(None, description="A letter policy instead of the package's own")
    remedy_rules: Path | None = Field(None, description="Remedy rules instead of the package's own")
    letter_font: Path | None = Field(None, description="TrueType font with Chinese characters for letters on paper")
