"""Configuration of intake."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from shared.base.config import ServiceSettings
from shared.deliver.http import networks

from .imap import address


class Settings(ServiceSettings):
    """Intake's own variables. Sizes are bytes, durations seconds unless the name says otherwise."""

    poll_records: int = Field(2000, ge=1, description="Events per consumer transaction at most")
    trusted_gateways: list[str] = Field(
        [], description="JSON list of mail hosts whose topmost Received header tells when a mail reached the company"
    )
    phone_region: str = Field(
        "CN",
        pattern=r"^[A-Z]{2}$",
        description="Country: reads numbers without prefix, says how long things are kept",
    )
    tiers: list[str] = Field(["top", "high", "middle", "low"], min_length=1, description="JSON list of service tiers")
    default_tier: str = Field("low", description="Tier of a customer whom the directory does not know")
    retention: Path | None = Field(None, description="A file that says how long what is kept, over the package's own")
    link_days: int = Field(180, ge=1, description="How long a signed tracking link opens")
    max_body: int = Field(8 << 20, description="Largest JSON body")
    max_mail: int = Field(50 << 20, description="Largest mail")
    accept_queue: int = Field(2048, ge=1, description="Posts that may wait for their transaction; more get 503")
    mail_workers: int = Field(2, ge=1, le=64, description="Processes that parse mail")
    mail_seconds: float = Field(
        5.0, gt=0, description="Waiting time for one mail of up to 8 MiB; larger ones have more"
    )
    mail_memory: int = Field(768 << 20, ge=128 << 20, description="Address space of a mail worker")
    lmtp_host: str = Field("127.0.0.1", description="Address on which LMTP is listened for")
    lmtp_port: int | None = Field(None, ge=1, le=65535, description="Port of LMTP; without one there is no LMTP")
    mailboxes: list[SecretStr] = Field(
        [],
        description="JSON list of mailboxes to fetch, imaps://user:password@host/folder each (or with ?token_file= or"
        " ?token_url= in the place of a password); everything in the folder is fetched and marked as seen",
    )
    mailbox_poll: float = Field(60.0, gt=0, description="A mailbox is asked this often even if its server says nothing")
    mailbox_compare: float = Field(300.0, gt=0, description="Seconds from one comparison with the server to the next")
    call_patience: float = Field(900.0, ge=0, description="How long a call without words waits before it is told")
    reopen_days: int = Field(
        90, ge=0, description="Days in which an ended complaint may be opened again, where no policy says it"
    )
    escalation_url: str | None = Field(None, description="Where escalation answers: the promise page reads its policy")
    notifier_url: str | None = Field(None, description="Where the notifier answers: customers get letters as PDF")
    key_per_minute: int = Field(120_000, ge=1, description="Requests a minute of one channel, over all replicas")
    webhook_networks: list[str] = Field(
        [], description="JSON list of networks in CIDR form that webhooks may reach although they are not public"
    )
    form_posts: int = Field(60, ge=1, description="Forms a minute from one address, over all replicas")

    @field_validator("webhook_networks")
    @classmethod
    def _networks(cls, given: list[str]) -> list[str]:
        networks(given)
        return given

    @field_validator("mailboxes")
    @classmethod
    def _readable(cls, mailboxes: list[SecretStr]) -> list[SecretStr]:
        names = [address(mailbox.get_secret_value()).name for mailbox in mailboxes]
        if len(set(names)) < len(names):
            raise ValueError("names a mailbox twice")
        return mailboxes
