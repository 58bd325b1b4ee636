"""A claimed letter on its way out: mail, text message, chat, paper. Each says honestly what became of it."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from shared.deliver.ledger import Outcome, message_id
from shared.deliver.smtp import Pool
from shared.deliver.spool import Spool
from shared.deliver.texting import Gateway

from .language import Language
from .mime import Mail, build, safe_address
from .pdf import NoFont
from .store import Attempt

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who our mails are from. `domain` makes Message-IDs and the plus-addresses that replies come back to."""

    domain: str
    sender: str
    envelope: str

    def reply_to(self, reference: str) -> str:
        """The address of a case: what comes there belongs to it."""
        return f"reply+{reference}@{self.domain}"


@dataclass(frozen=True)
class Ways:
    """What there is besides mail: `gateways` by channel, `spool` for a printer, `paper` makes the PDF of a letter."""

    pool: Pool
    identity: Identity
    languages: Mapping[str, Language]
    paper: Callable[[Attempt], bytes]
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    spool: Spool | None = None

    @property
    def open(self) -> frozenset[str]:
        """The channels on which letters can leave."""
        return frozenset({"email", *self.gateways, *(["post"] if self.spool else [])})

    async def deliver(self, attempt: Attempt, *, within: float) -> Outcome:
        """Send one letter, giving up after so many seconds."""
        if attempt.suppressed:
            return Outcome("failed", detail="the address is on the list of those that take no letters")
        try:
            async with asyncio.timeout(within):
                return await self._deliver(attempt)
        except TimeoutError:
            return Outcome("unknown", detail="no end within the time for one letter")
        except Exception as error:
            # Whatever it was, nobody knows how far it came; the letter must not be lost or sent twice for it.
            names = {"complaint_id": str(attempt.complaint_id), "letter": str(attempt.id)}
            log.error("sending failed unexpectedly", error=type(error).__name__, exc_info=True, **names)
            return Outcome("unknown", detail=type(error).__name__)

    async def _deliver(self, attempt: Attempt) -> Outcome:
        if attempt.channel == "email":
            address = safe_address(attempt.address)
            if address is None:
                return Outcome("failed", detail="the address cannot be written to")
            return await self.pool.deliver(self.identity.envelope, address, build(self.mail(attempt, address)))
        if attempt.channel == "post":
            return await self._print(attempt)
        gateway = self.gateways.get(attempt.channel)
        if gateway is None or attempt.short is None:
            return Outcome("failed", detail=f"there is no gateway for this channel any more: {attempt.channel}")
        more = {"letter": attempt.text} if attempt.channel == "chat" else {}
        return await gateway.deliver(
            attempt.id, attempt.address, attempt.short, language=attempt.language, reference=attempt.reference, **more
        )

    async def _print(self, attempt: Attempt) -> Outcome:
        shop = self.gateways.get("post")
        if shop is None and self.spool is None:
            return Outcome("failed", detail="there is no way to post a letter any more")
        try:
            pdf = await asyncio.to_thread(self.paper, attempt)
        except NoFont:
            return Outcome("retry", detail="no font can print this letter")
        if self.spool:
            return await self.spool.deliver(attempt.id, attempt.address, pdf, reference=attempt.reference)
        assert shop is not None
        return await shop.deliver(
            attempt.id, attempt.address, attempt.text, language=attempt.language, reference=attempt.reference,
            pdf=b64encode(pdf).decode(),
        )  # fmt: skip

    def mail(self, attempt: Attempt, address: str) -> Mail:
        """The mail of a letter."""
        written = self.languages.get(attempt.language)
        return Mail(
            message_id=message_id(attempt.id, self.identity.domain),
            sender=self.identity.sender,
            reply_to=self.identity.reply_to(attempt.reference),
            address=address,
            name=attempt.to_name,
            subject=attempt.subject,
            text=attempt.text,
            html_lang=written.html_lang if written else attempt.language,
            automatic=attempt.automatic,
            thread=attempt.thread,
            large=attempt.large,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()
        for gateway in self.gateways.values():
            await gateway.close()
