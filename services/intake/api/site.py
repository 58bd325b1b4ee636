"""What the customers' pages share: their look, what a form sent, and files that wait for a form without errors."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from services.intake import timeline
from services.intake.attempts import Attempts
from services.intake.forms import refused_file, say
from services.intake.store import entries
from shared.base.errors import Problem
from shared.base.pages import Pages
from shared.base.uploads import MOST_BYTES, MOST_FILES, Refused, Upload, take

from . import Desk

MOST_FIELDS, FIELD_BYTES = 60, 200_000
FORM_BODY = 40 << 20  # more than the files' limit: who sends a little too much is told so on the page
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(slots=True)
class Sent:
    """What a form sent: its fields, trimmed; files that were taken; and what was wrong with the others."""

    fields: dict[str, str]
    files: list[Upload] = field(default_factory=list)
    wrong_files: list[str] = field(default_factory=list)


class Site:
    """Shared by all pages of intake."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.zones = desk.settings.time_zones
        self.names = {code: tongue.name for code, tongue in desk.settings.tongues.all.items()}
        self.pages = Pages("intake", zones=self.zones, cookie="lang")
        secret = desk.settings.token_key.get_secret_value()
        self.attempts = Attempts(desk.work.db, secret, desk.settings.form_posts)
        self._key = hashlib.sha256(b"held files\x00" + secret.encode()).digest()
        self._pictures = asyncio.Semaphore(2)  # a large one takes a second and its pixels' memory

    def language(self, request: Request) -> str:
        """`zh` or `en`."""
        return self.pages.language(request)

    def render(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """A page in the reader's language."""
        here = f"{self.desk.settings.public_url.rstrip('/')}{request.url.path}"
        shared = {"t": timeline, "desk_url": self.desk.settings.desk_url, "here": here, "languages": self.names}
        return self.pages.response(request, name, {**shared, **values}, status=status)

    def trouble(self, request: Request, problem: Problem) -> Response:
        """Why there is no page: customers do not read JSON."""
        refusal = self.render(request, "trouble.html", problem.status, code=problem.status)
        refusal.headers.update(problem.headers)
        return refusal

    async def slow_down(self, request: Request) -> None:
        """Count one form of this address. Raises Problem 429."""
        if not await self.attempts.form(address(request)):
            raise Problem(429, "Too many requests", "Please wait a minute.", headers={"Retry-After": "60"})

    async def read(self, request: Request) -> Sent:
        """What the form sent. Raises Problem for what no form of ours sends."""
        if not request.headers.get("content-type", "").startswith(_FORM_TYPES):
            raise Problem(415, "Unsupported media type", "Send the form.")
        try:
            form = await request.form(max_files=MOST_FILES * 3, max_fields=MOST_FIELDS, max_part_size=FIELD_BYTES)
        except MultiPartException as error:
            raise Problem(400, "Bad request", str(error)) from None
        try:
            parts = form.multi_items()
            held = [self._held(value) for name, value in parts if name == "held" and isinstance(value, str)]
            fresh = [value for _, value in parts if isinstance(value, UploadFile) and value.filename]
            sent = Sent({name: _clean(value) for name, value in parts if isinstance(value, str) and name != "held"})
            await self._take(sent, [h for h in held if h], fresh, self.language(request))
        finally:
            await form.close()
        return sent

    async def _take(
        self, sent: Sent, held: Sequence[tuple[str, str, str]], fresh: Sequence[UploadFile], lang: str
    ) -> None:
        async with self.desk.work.db.read() as tx:
            contents = await entries.contents(tx, [bytes.fromhex(sha256) for _, _, sha256 in held]) if held else {}
        for name, media_type, sha256 in held:
            if content := contents.get(bytes.fromhex(sha256)):
                sent.files.append(Upload(name, media_type, content))
        if sum(upload.size or 0 for upload in fresh) > MOST_BYTES or len(fresh) > MOST_FILES:
            sent.wrong_files.append(say("files", lang))
            return
        for upload in fresh:
            try:
                async with self._pictures:
                    sent.files.append(await asyncio.to_thread(take, upload.filename or "", await upload.read()))
            except Refused as refusal:
                sent.wrong_files.append(refused_file(upload.filename or "", refusal.why, lang))
        while sum(len(f.content) for f in sent.files) > MOST_BYTES or len(sent.files) > MOST_FILES:
            sent.files.pop()
            sent.wrong_files = [say("files", lang)]

    async def hold(self, files: Sequence[Upload]) -> list[dict[str, Any]]:
        """Keep the files of a form that was not complete, for a day; what the page needs to send them again."""
        if files:
            async with self.desk.work.db.transaction() as tx:
                await entries.hold_files(tx, [(bytes.fromhex(f.sha256), f.content) for f in files])
        return [
            {"name": f.name, "size": len(f.content), "token": self._token(f.name, f.media_type, f.sha256)}
            for f in files
        ]

    def _token(self, *what: str) -> str:
        text = base64.urlsafe_b64encode(json.dumps(what).encode()).decode()
        return f"{text}.{hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()}"

    def _held(self, token: str) -> tuple[str, str, str] | None:
        text, _, signature = token.partition(".")
        good = hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(good.encode(), signature.encode("utf-8", "replace")):
            return None
        name, media_type, sha256 = json.loads(base64.urlsafe_b64decode(text))
        return name, media_type, sha256


def address(request: Request) -> str:
    """Who asks, as far as a network knows."""
    return request.client.host if request.client else ""


def _clean(value: str) -> str:
    kept = "".join(char for char in value if char != "\x00" and not "\ud800" <= char <= "\udfff")
    return kept.replace("\r\n", "\n").strip()
