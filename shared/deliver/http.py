"""Posting to addresses that somebody else configured, so that nobody can make us call our own house.

The name is resolved first, every address it has must be public (or stand in a network that the operator named), and the
connection goes to the address that was checked, so a name that changes its answer gains nothing. Redirects are not
followed and proxies of the environment are not used. At most a little of the answer is read.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
ANSWER_BYTES = 64 << 10
_PRINTED = re.compile(r"[!-~]{1,2000}")
# Translations of IPv4 addresses into IPv6: what they embed is what is meant.
_EMBEDDING = ipaddress.ip_network("64:ff9b::/96")


class Forbidden(ValueError):
    """This address may not be called."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said: its status and the beginning of its body; `retry_after` in seconds, if it said so."""

    status: int
    body: bytes = b""
    retry_after: float | None = None

    @property
    def taken(self) -> bool:
        """Whether it took what was posted."""
        return 200 <= self.status < 300


class NotReached(Exception):
    """No answer came: refused, lost, too late. The message names the kind and nothing personal."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR form. Raises ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def checked_url(url: str, *, plain: bool = False) -> str:
    """The URL, if it has the form of one that we would call: https, a host, no user in it. Raises Forbidden.

    `plain` allows http as well.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise Forbidden("not an address") from None
    if parts.scheme not in (("https", "http") if plain else ("https",)) or not parts.hostname:
        raise Forbidden("not an http address" if plain else "not an https address")
    if parts.username or parts.password or parts.fragment or port == 0 or not _PRINTED.fullmatch(url):
        raise Forbidden("users, fragments, blanks and characters beyond ASCII do not belong into it")
    return url


def public(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether this address may be called: it is on the public internet, or in one of the allowed networks."""
    if any(address.version == network.version and address in network for network in allowed):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _EMBEDDING:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return public(inner, allowed)
    return address.is_global and not address.is_multicast


class Poster:
    """Posts bodies. `allowed` are networks that may be called although they are not public; only there without TLS."""

    def __init__(self, *, timeout: float = 10.0, allowed: tuple[Network, ...] = (), connections: int = 16) -> None:
        self._allowed = allowed
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False, follow_redirects=False)
        self._timeout = timeout

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One POST, answered within the timeout. Raises Forbidden or NotReached."""
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._addresses(url)
                for address in addresses[:-1]:
                    with suppress(httpx.ConnectError):  # nothing was said yet: the name's next address may listen
                        return await self._post(httpx.URL(url), address, body, headers)
                return await self._post(httpx.URL(url), addresses[-1], body, headers)
        except TimeoutError:
            raise NotReached("no answer in time") from None
        except (httpx.HTTPError, OSError) as error:
            raise NotReached(type(error).__name__) from None

    async def _post(self, url: httpx.URL, address: Address, body: bytes, headers: Mapping[str, str]) -> Answer:
        request = self._client.build_request(
            "POST",
            url.copy_with(host=str(address)),
            content=body,
            headers={**headers, "Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.host},  # certificates are checked for the name, not for the address
        )
        answer = await self._client.send(request, stream=True)
        try:
            beginning = b""
            async for part in answer.aiter_raw():
                beginning += part
                if len(beginning) >= ANSWER_BYTES:
                    break
        finally:
            await answer.aclose()
        return Answer(answer.status_code, beginning[:ANSWER_BYTES], _retry_after(answer.headers))

    async def _addresses(self, url: str) -> list[Address]:
        parts = urlsplit(checked_url(url, plain=bool(self._allowed)))
        assert parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(item[4][0]) for item in found]
        # All of them: a name that mixes public and private addresses is not asked which one it meant.
        if not addresses or not all(public(address, self._allowed) for address in addresses):
            raise Forbidden("the address is not on the public internet")
        inside = all(any(a.version == n.version and a in n for n in self._allowed) for a in addresses)
        if parts.scheme != "https" and not inside:
            raise Forbidden("not an https address")
        return list(dict.fromkeys(addresses))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _retry_after(headers: httpx.Headers) -> float | None:
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:7])
    try:
        moment = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers["date"])
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, KeyError):
        return None
