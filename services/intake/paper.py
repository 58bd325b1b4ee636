"""A letter on paper, as the notifier prints it: read on a visitor's behalf. The page works without."""

from uuid import UUID

import httpx
import structlog

from shared.base.security import issue

log = structlog.get_logger()
TIMEOUT = 10.0  # a letter with Chinese characters is half a second of work, more on a busy machine


class Paper:
    """Where letters are printed."""

    def __init__(self, url: str | None, token_key: str) -> None:
        self._url, self._key = url, token_key

    @property
    def there(self) -> bool:
        """Whether letters can be printed at all."""
        return self._url is not None

    async def letter(self, letter_id: UUID) -> bytes | None:
        """The letter as PDF; None when the notifier does not answer or cannot print it."""
        if self._url is None:
            return None
        token = issue(self._key, name="intake", role="service", days=1)
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
                answer = await client.get(
                    f"{self._url.rstrip('/')}/v1/letters/{letter_id}.pdf", headers={"Authorization": f"Bearer {token}"}
                )
            return answer.raise_for_status().content
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("a letter could not be printed", error=type(error).__name__, letter=str(letter_id))
            return None
