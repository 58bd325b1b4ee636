"""The policy in force, as escalation publishes it: read on a visitor's behalf, kept for a minute."""

import asyncio
import time
from typing import Any

import httpx
import structlog

from shared.base.security import issue

log = structlog.get_logger()
FRESH_SECONDS, AGAIN_SECONDS, TIMEOUT = 60.0, 5.0, 1.0


class Policies:
    """The packs, newest first; the last ones known while escalation does not answer, none before it ever did."""

    def __init__(self, url: str | None, token_key: str) -> None:
        self._url, self._key = url, token_key
        self._packs: list[dict[str, Any]] = []
        self._read_at = -FRESH_SECONDS
        self._lock = asyncio.Lock()

    async def packs(self) -> list[dict[str, Any]]:
        """What escalation's `GET /v1/policies` answered last."""
        async with self._lock:
            if self._url and time.monotonic() - self._read_at > FRESH_SECONDS:
                self._read_at = time.monotonic()
                if (found := await self._read(self._url)) is None:
                    self._read_at += AGAIN_SECONDS - FRESH_SECONDS
                else:
                    self._packs = found
        return self._packs

    async def _read(self, url: str) -> list[dict[str, Any]] | None:
        token = issue(self._key, name="intake", role="service", days=1)
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
                answer = await client.get(
                    f"{url.rstrip('/')}/v1/policies", headers={"Authorization": f"Bearer {token}"}
                )
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            log.warning("escalation's policies could not be read", error=type(error).__name__)
            return None
        return found if isinstance(found, list) else None
