"""A mailbox over IMAP (RFC 3501, IDLE by RFC 2177, tokens by RFC 7628).

Blocking: mailboxes.py calls it in a thread of its own.
"""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError

from .oauth import LOOPBACK, Tokens, tokens

FAILURES = (IMAPClientError, OSError, ssl.SSLError, EOFError)
CONNECT_SECONDS, READ_SECONDS = 15, 60
GROUP, GROUP_BYTES = 50, 8 << 20


@dataclass(frozen=True, slots=True)
class Address:
    """Where a mailbox is and who reads it. `security` is tls, starttls or none; `tokens` take a password's place."""

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    tokens: Tokens | None = None

    @property
    def name(self) -> str:
        """What the mailbox is called in accounts: it lasts as long as user, host and folder do."""
        return f"imap:{self.user}@{self.host}/{self.folder}"


def address(url: str) -> Address:
    """imaps://user:password@host[:port][/folder], or imap://…?starttls=1; percent signs escape. Raises ValueError.

    Without a password: ?token_file=…, or ?token_url=…&client_id=…&client_secret=…&scope=….
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no address of a mailbox") from None
    more = dict(parse_qsl(parts.query))
    source = tokens(more)
    if parts.scheme not in ("imap", "imaps") or not host or not parts.username or not (parts.password or source):
        raise ValueError("must read imaps://user:password@host/folder")
    security = "tls" if parts.scheme == "imaps" else "starttls" if more.get("starttls") == "1" else "none"
    if security == "none" and host not in LOOPBACK:
        raise ValueError(f"would send the password to {host} in clear: write imaps:// or ?starttls=1")
    folder = unquote(parts.path.lstrip("/")) or "INBOX"
    default = 993 if security == "tls" else 143
    password = unquote(parts.password or "")
    return Address(host, port or default, security, unquote(parts.username), password, folder, source)


class Folder(NamedTuple):
    """What a folder says when it is opened."""

    uidvalidity: int
    uidnext: int
    exists: int


class Fetched(NamedTuple):
    """One message as the server has it."""

    uid: int
    received_at: datetime | None
    content: bytes


class Connection:
    """One connection to one folder. Every method may raise one of FAILURES; the connection is of no use then."""

    def __init__(self, where: Address) -> None:
        self._where = where
        self._client: IMAPClient | None = None
        self.can_idle = False

    def open(self) -> Folder:
        """Connect, log in and open the folder."""
        where = self._where
        timeout = SocketTimeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._client = client = IMAPClient(where.host, where.port, ssl=where.security == "tls", timeout=timeout)
        client.normalise_times = False  # INTERNALDATE stays aware of its zone
        if where.security == "starttls":
            client.starttls(ssl.create_default_context())
        self._log_in(client)
        self.can_idle = client.has_capability("IDLE")
        said = client.select_folder(where.folder)
        return Folder(said[b"UIDVALIDITY"], said.get(b"UIDNEXT", 1), said[b"EXISTS"])

    def _log_in(self, client: IMAPClient) -> None:
        where = self._where
        if where.tokens is None:
            client.login(where.user, where.password)
        elif client.has_capability("AUTH=OAUTHBEARER"):
            client.oauthbearer_login(where.user, where.tokens.fetch())
        else:
            client.oauth2_login(where.user, where.tokens.fetch())

    @property
    def client(self) -> IMAPClient:
        """The open connection. Raises IMAPClientError when there is none."""
        if self._client is None:
            raise IMAPClientError("not connected")
        return self._client

    def uids(self, first: int = 1) -> list[int]:
        """The UIDs from `first` on, ascending. `n:*` also names the last message when its UID is smaller."""
        return sorted(uid for uid in self.client.search(["UID", f"{first}:*"]) if uid >= first)

    def unseen(self) -> list[int]:
        """The UIDs without the flag that `mark` sets."""
        return list(self.client.search("UNSEEN"))

    def groups(self, uids: Sequence[int], most: int) -> Iterator[list[int]]:
        """The UIDs in groups that can be fetched together; what is larger than `most` bytes is left out."""
        group: list[int] = []
        size = 0
        for at in range(0, len(uids), 500):
            sizes = self.client.fetch(uids[at : at + 500], ["RFC822.SIZE"])
            for uid in uids[at : at + 500]:
                bytes_ = sizes.get(uid, {}).get(b"RFC822.SIZE", most + 1)
                if bytes_ > most:
                    continue
                if group and (len(group) >= GROUP or size + bytes_ > GROUP_BYTES):
                    yield group
                    group, size = [], 0
                group.append(uid)
                size += bytes_
        if group:
            yield group

    def fetch(self, uids: Sequence[int]) -> list[Fetched]:
        """The messages, unmarked. One that somebody has removed since is not in the answer."""
        found = self.client.fetch(uids, ["BODY.PEEK[]", "INTERNALDATE"])
        return [
            Fetched(uid, _utc(said.get(b"INTERNALDATE")), said[b"BODY[]"] or b"")
            for uid, said in sorted(found.items())
            if b"BODY[]" in said
        ]

    def mark(self, uids: Sequence[int]) -> None:
        r"""Set \Seen: these are kept."""
        for at in range(0, len(uids), 500):
            self.client.add_flags(uids[at : at + 500], [rb"\Seen"], silent=True)

    def idle(self) -> None:
        """Ask the server to tell when something comes."""
        self.client.idle()

    def came(self, seconds: float) -> bool:
        """Whether the server told something within this time; only while idle."""
        return bool(self.client.idle_check(timeout=seconds))

    def busy(self) -> None:
        """End the waiting."""
        self.client.idle_done()

    def close(self) -> None:
        """End the connection, however it stands."""
        if self._client is not None:
            client, self._client = self._client, None
            try:
                client.logout()
            except FAILURES:
                client.shutdown()


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment and moment.tzinfo else None
