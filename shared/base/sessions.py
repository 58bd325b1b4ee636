"""Whether a person's sign-in is still good, for services that do not keep it: routing knows, and is asked.

A signed-in person's token names a session. It is believed for FRESH seconds after routing last confirmed it (signing in
confirms it), then routing is asked again on that person's behalf; so signing out, a disabled account and another role
reach every service within FRESH seconds. While routing does not answer, a session that was confirmed stays good for
PATIENCE seconds: calls are taken down although the desk is being restarted.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import httpx
import structlog

from .security import ROLES, Caller

log = structlog.get_logger()
FRESH, PATIENCE = 30.0, 900.0
TIMEOUT, AGAIN = 1.0, 3.0
KEPT = 10_000


class NoAnswer(Exception):
    """Routing could not be asked."""


class AskRouting:
    """Confirms sessions at routing's `GET /v1/session`. Without an address nobody can be asked."""

    def __init__(self, url: str | None, clock: Callable[[], float] = time.time) -> None:
        """`clock`: the time in seconds, as tokens carry it."""
        self._clock = clock
        self._url = f"{url.rstrip('/')}/v1/session" if url else None
        self._confirmed: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._quiet_until = 0.0

    async def __call__(self, caller: Caller, token: str) -> Caller | None:
        """The caller with the role that the account has now; None when the session ended, or nobody says otherwise."""
        now = self._clock()
        at, known = self._confirmed.get(caller.session, (caller.since, caller))
        if now - at < FRESH:
            return known
        try:
            found = await self._ask(caller, token, now)
        except NoAnswer:
            return known if now - at < PATIENCE else None
        self._confirmed.pop(caller.session, None)
        if found is not None:
            self._confirmed[caller.session] = (now, found)
            if len(self._confirmed) > KEPT:
                self._confirmed.popitem(last=False)
        return found

    async def _ask(self, caller: Caller, token: str, now: float) -> Caller | None:
        if self._url is None or now < self._quiet_until:
            raise NoAnswer
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
                answer = await client.get(self._url, headers={"Authorization": f"Bearer {token}"})
            if answer.status_code in (401, 403):
                return None
            role = answer.raise_for_status().json()["role"]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            log.warning("routing could not be asked about a session", error=type(error).__name__)
            self._quiet_until = now + AGAIN
            raise NoAnswer from None
        return replace(caller, role=role) if role in ROLES else None
