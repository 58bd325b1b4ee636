"""Signatures of what we post to others: HMAC-SHA256 over time and body, good for a few minutes.

    Amends-Signature: t=1780998900,v1=5257a869e7…

`v1` is the hex HMAC of `{t}.{body}` with the secret that both sides know. A receiver recomputes it over the raw bytes,
compares in constant time and refuses a `t` that is more than five minutes off: what was recorded cannot be played
again later. Within the window the delivery's id tells a repetition. `verify` does all that, for receivers in Python.
"""

import hashlib
import hmac
from datetime import datetime

HEADER = "Amends-Signature"
WINDOW = 300.0


def sign(secret: bytes, body: bytes, at: datetime) -> str:
    """The header's value for a body that is sent at this time."""
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_mac(secret, seconds, body)}"


def verify(secret: bytes, header: str, body: bytes, now: datetime, *, window: float = WINDOW) -> bool:
    """Whether the body was signed with this secret at most `window` seconds from now. Any text is taken."""
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    seconds, given = parts.get("t", ""), parts.get("v1", "")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        return False
    fresh = abs(now.timestamp() - int(seconds)) <= window
    return hmac.compare_digest(_mac(secret, int(seconds), body).encode(), given.encode("utf-8", "replace")) and fresh


def derived(key: str, purpose: str) -> str:
    """A secret for one purpose, made from the installation's key, so that it need not be stored."""
    return "whsec_" + hmac.new(key.encode(), b"amends webhook\x00" + purpose.encode(), hashlib.sha256).hexdigest()


def _mac(secret: bytes, seconds: int, body: bytes) -> str:
    return hmac.new(secret, str(seconds).encode() + b"." + body, hashlib.sha256).hexdigest()
