"""How clients reach Kafka: addresses, encryption, login."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import Refused


@dataclass(frozen=True, slots=True)
class Brokers:
    """`security` is Kafka's security.protocol. Files are PEM; without `ca` the system's certificates count."""

    bootstrap: str
    security: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def checked(self) -> "Brokers":
        """Itself. Raises Refused, naming the variable that is wrong."""
        if self.security.startswith("SASL") and not (self.username and self.password):
            raise Refused(f"AMENDS_KAFKA_SECURITY is {self.security}: AMENDS_KAFKA_USERNAME and _PASSWORD must be set")
        if (self.certificate is None) != (self.key is None):
            raise Refused("AMENDS_KAFKA_CERTIFICATE and AMENDS_KAFKA_KEY belong together")
        if self.security in ("PLAINTEXT", "SASL_PLAINTEXT") and (self.ca or self.certificate):
            raise Refused(f"AMENDS_KAFKA_SECURITY is {self.security}: nothing is encrypted, certificates mean nothing")
        self.connection()
        return self

    def connection(self) -> dict[str, Any]:
        """The arguments of aiokafka's clients."""
        found: dict[str, Any] = {"bootstrap_servers": self.bootstrap, "security_protocol": self.security}
        if self.security in ("SSL", "SASL_SSL"):
            found["ssl_context"] = self._context()
        if self.security.startswith("SASL"):
            found |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return found

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise Refused(f"AMENDS_KAFKA_CA, _CERTIFICATE or _KEY cannot be used: {type(error).__name__}") from None
        return context


def connection(brokers: Brokers | str) -> dict[str, Any]:
    """The arguments of aiokafka's clients; a plain address is neither encrypted nor logged in to."""
    return brokers.connection() if isinstance(brokers, Brokers) else {"bootstrap_servers": brokers}
