"""Tokens by which a mailbox is opened where passwords are not taken: OAuth 2.0 (RFC 6749), used as RFC 7628 says.

Blocking, like imap.py. A token is asked for at each connection: who refreshes what is none of our business.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

SECONDS = 15
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Tokens(Protocol):
    """Where an access token comes from."""

    def fetch(self) -> str:
        """A token that is good now. Raises OSError when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file that somebody else keeps fresh: a sidecar, or the platform."""

    path: Path

    def fetch(self) -> str:
        """What stands in the file."""
        token = self.path.read_text(encoding="ascii", errors="replace").strip()
        if not token:
            raise OSError(f"{self.path} is empty")
        return token


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A service that gives tokens to an application in its own name (RFC 6749, section 4.4)."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""

    def fetch(self) -> str:
        """A fresh token."""
        asked = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret}
        try:
            answer = httpx.post(self.url, data=asked | ({"scope": self.scope} if self.scope else {}), timeout=SECONDS)
            token = answer.json().get("access_token") if answer.is_success else None
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            raise OSError(f"no token: {type(error).__name__}") from None
        if not isinstance(token, str) or not token.isascii():
            raise OSError(f"no token: {answer.status_code}")
        return token


def tokens(given: dict[str, str]) -> Tokens | None:
    """The source that the parameters of a mailbox's address name; None for none. Raises ValueError."""
    if path := given.get("token_file"):
        return TokenFile(Path(path))
    if not (url := given.get("token_url")):
        return None
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("would send the client's secret in clear: token_url must be https")
    if not given.get("client_id") or not given.get("client_secret"):
        raise ValueError("needs client_id and client_secret beside token_url")
    return ClientCredentials(url, given["client_id"], given["client_secret"], given.get("scope", ""))
