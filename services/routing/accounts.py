"""Signing in with a password: what is kept of it, how often it may be tried, and the session that it opens.

The answer to a wrong password and to an unknown name is the same, and takes the same time: a password is always
compared, with the account's or with one that nobody has.
"""

import asyncio
import hashlib
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.base.db import Database
from shared.base.errors import Problem
from shared.base.security import Caller, Role, issue

from .store import accounts as store

log = structlog.get_logger()
T = TypeVar("T")
# OWASP's smaller setting of Argon2id: 19 MiB for some 25 ms, so that two at a time fit any pod.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
AT_ONCE = 2
LEAST, MOST = 10, 200
TRIES, WINDOW = 10, timedelta(minutes=15)
NAME = r"^[\w.@-]{1,64}$"
PEOPLE: tuple[Role, ...] = ("handler", "lead", "manager", "approver", "auditor", "quality", "ops")


@dataclass(frozen=True)
class Signed:
    """A session just opened: its token stands in a cookie or in `Authorization`."""

    name: str
    role: Role
    token: str
    ends_at: datetime


def check_new(password: str, name: str) -> str:
    """What is wrong with a new password, in a word that both languages translate; empty when nothing is."""
    if len(password) < LEAST:
        return "password_short"
    if len(password) > MOST:
        return "password_long"
    if password.casefold() == name.casefold() or len(set(password)) < 4:
        return "password_plain"
    return ""


def plain(password: str) -> str:
    """A password as every keyboard types it: composed characters, no spaces around it."""
    return unicodedata.normalize("NFKC", password[: 2 * MOST]).strip()


def hashed(password: str) -> str:
    """What is stored of a password."""
    return HASHER.hash(plain(password))


_NOBODYS = hashed(secrets.token_hex())


def _matches(stored: str | None, password: str) -> bool:
    try:
        fits = HASHER.verify(stored or _NOBODYS, plain(password))
    except (VerificationError, InvalidHashError):
        return False
    return fits and stored is not None


def _slot(name: str) -> bytes:
    return hashlib.sha256(name.casefold().encode("utf-8", "replace")).digest()


class Accounts:
    """Opens, confirms and ends sessions."""

    def __init__(self, db: Database, key: str, hours: float) -> None:
        self._db, self._key, self._hours = db, key, hours
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def confirm(self, caller: Caller, token: str) -> Caller | None:
        """The caller of a session that is good at this moment, with the role that the account has now."""
        try:
            session_id = UUID(caller.session)
        except ValueError:
            return None
        async with self._db.read() as tx:
            row = await store.live(tx, session_id)
        if row is None or row.name != caller.name:
            return None
        return Caller(row.name, row.role, frozenset(), caller.session, caller.since)

    async def with_password(self, name: str, password: str, device: str) -> Signed | None:
        """Sign in; None for an unknown name, a wrong password, a disabled account. Raises Problem 429."""
        await self._take_turn(name)
        async with self._db.read() as tx:
            row = await store.account(tx, name) if name else None
        stored = row.password if row is not None and row.disabled_at is None else None
        fits = await self._slowly(lambda: _matches(stored, password))
        if row is None or not fits:
            log.info("sign-in refused")
            return None
        async with self._db.transaction() as tx:
            await store.forget_attempts(tx, _slot(name))
            if HASHER.check_needs_rehash(row.password):
                await store.change(tx, name, password=await self._slowly(lambda: hashed(password)))
        return await self.open(row.name, row.role, "password", device)

    async def open(self, name: str, role: Role, way: str, device: str) -> Signed:
        """Open a session of an account that has proved itself."""
        session_id, ends = uuid4(), datetime.now(UTC) + timedelta(hours=self._hours)
        async with self._db.transaction() as tx:
            await store.open_session(tx, session_id, name, way, device[:120], ends)
        token = issue(self._key, name=name, role=role, days=self._hours / 24, session=str(session_id))
        log.info("signed in", actor=name, way=way)
        return Signed(name, role, token, ends)

    async def change_password(self, name: str, before: str, after: str, keep: str) -> str:
        """A person's new password; every other session of theirs ends. What is wrong, or empty. Raises Problem 429."""
        if wrong := check_new(after, name):
            return wrong
        await self._take_turn(name)
        async with self._db.read() as tx:
            row = await store.account(tx, name)
        if not await self._slowly(lambda: _matches(row.password if row else None, before[: MOST + 1])):
            return "password_wrong"
        stored = await self._slowly(lambda: hashed(after))
        async with self._db.transaction() as tx:
            await store.forget_attempts(tx, _slot(name))
            await store.change(tx, name, password=stored)
            for session in await store.sessions(tx, name):
                if str(session.session_id) != keep:
                    await store.end(tx, name, name, session.session_id)
        return ""

    async def end(self, name: str, by: str, session_id: UUID | None = None) -> int:
        """End one session of a person, or all of them; how many there were."""
        async with self._db.transaction() as tx:
            return await store.end(tx, name, by, session_id)

    async def _take_turn(self, name: str) -> None:
        async with self._db.transaction() as tx:
            count, oldest = await store.begin_attempt(tx, _slot(name), WINDOW)
            if count < TRIES:
                await store.note_attempt(tx, _slot(name))
                return
        assert oldest is not None
        wait = max(1, int((oldest + WINDOW - datetime.now(UTC)).total_seconds()))
        log.warning("too many tries to sign in")
        raise Problem(
            429, "Too many requests", "Too many tries: wait a quarter of an hour.", headers={"Retry-After": str(wait)}
        )

    async def _slowly(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(work)
