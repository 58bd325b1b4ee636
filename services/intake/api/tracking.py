"""The tracking page: where a complaint stands, and what its customer can say now."""

import asyncio
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake import identity, reference, timeline
from services.intake.answers import PAUSE
from services.intake.commands import COMMANDS, NEEDS_TEXT, Said, possible
from services.intake.entry import own_words
from services.intake.model import Case
from services.intake.store import cases, entries
from services.intake.store.cases import Lock
from shared.base.errors import Conflict, NotFound, Problem
from shared.base.pages import HEADERS, moment
from shared.base.security import public

from . import Desk
from .bodies import stored
from .pages import refusing
from .site import Sent, Site, address

SOURCE = "tracking-page"
NOBODY = UUID(int=0)
REFUSED_AFTER = 0.1  # seconds; far more than the look-up takes, found or not


class TrackingPages:
    """The routes, and what they share."""

    def __init__(self, site: Site) -> None:
        self.site, self.desk = site, site.desk

    async def find(self, request: Request) -> Response:
        """Ask for the reference, then go on as if it stood in the address."""
        given = request.query_params.get("reference", "")
        if parsed := reference.parse(given):
            return RedirectResponse(f"/track/{parsed}", 303, headers=HEADERS)
        return self._ask(request, given, ask_reference=True, failed=bool(given))

    async def show(self, request: Request, given: str) -> Response:
        """The story of one complaint, for who holds a signed link; otherwise the question who asks."""
        started, token = time.monotonic(), request.query_params.get("t", "")
        case = await self._unlocked(given, token)
        if case is not None:
            return await self._story(request, case, token)
        if token:
            await _evenly(started)
        return self._ask(request, given, failed=bool(token))

    async def unlock(self, request: Request, given: str) -> Response:
        """Somebody tells their contact: right → a signed link; wrong contact and unknown reference look the same.

        Both are the same work, are answered at the same moment, and count for the same throttle.
        """
        sent, started = await self.site.read(request), time.monotonic()
        tried = reference.parse(given) or given
        if not await self.site.attempts.guess(tried, address(request)):
            raise Problem(429, "Too many requests", "Please try again in ten minutes.", headers={"Retry-After": "600"})
        lock = await self._lock(given)
        if self._opens(lock, sent.fields.get("contact", "")):
            return self._back(tried, self.desk.links.token(tried, datetime.now(UTC), lock.edition))
        await _evenly(started)
        return self._ask(request, given, 403, failed=True)

    async def say(self, request: Request, given: str, word: str) -> Response:
        """One of the actions of the tracking page."""
        sent = await self.site.read(request)
        token = sent.fields.get("t", "")
        case = await self._unlocked(given, token)
        if case is None or case.origin is None or word not in COMMANDS:
            raise NotFound("page")
        text = sent.fields.get("text", "")[:20_000]
        if sent.wrong_files:
            held = await self.site.hold(sent.files)
            return await self._story(request, case, token, 422, wrong=" ".join(sent.wrong_files), typed=text, held=held)
        if word in NEEDS_TEXT and not text and not sent.files:
            return self._back(given, token, "#say")
        done = await self._say(case, word, text, sent)
        if word == "revoke-links":
            edition = (await self._lock(given)).edition
            token = self.desk.links.token(case.origin.reference, datetime.now(UTC), edition)
        return self._back(given, token, f"&done={done}")

    async def _say(self, case: Case, word: str, text: str, sent: Sent) -> str:
        key = f"{case.complaint_id} {word} {sent.fields.get('key') or NOBODY}"
        id = self.desk.conversation.id_for(SOURCE, key)
        files = stored(sent.files, id)
        said = Said(
            id=id,
            channel="web",
            text=text,
            attachments=tuple(f.reference() for f in files),
            file_names={f.id: f.name for f in files},
            reopen_within=await self.desk.reopen_within(case),
        )
        body = {"text": text} | ({"files": [f.sha256.hex() for f in files]} if files else {})
        try:
            await self.desk.conversation.say(
                case.complaint_id, word, said, source=SOURCE, body=json.dumps(body, ensure_ascii=False), files=files
            )
        except Conflict:
            return "late"  # the case moved on while the page was open: the page shows what is possible now
        return word

    async def file(self, request: Request, given: str, attachment_id: UUID) -> Response:
        """One of the customer's own files, for who holds the link; always as a download."""
        case = await self._unlocked(given, request.query_params.get("t", ""))
        if case is None:
            raise NotFound("page")
        async with self.desk.work.db.read() as tx:
            found = await entries.attachment(tx, case.complaint_id, attachment_id)
        if found is None:
            raise NotFound("page")
        return Response(found[2], media_type=found[1], headers={**HEADERS, "Content-Disposition": "attachment"})

    async def letter(self, request: Request, given: str, letter_id: UUID) -> Response:
        """One of the letters on paper, for who holds the link."""
        case = await self._unlocked(given, request.query_params.get("t", ""))
        if case is None:
            raise NotFound("page")
        async with self.desk.work.db.read() as tx:
            sent = {letter.letter_id for letter in await cases.letters_of(tx, case.complaint_id)}
        pdf = await self.desk.paper.letter(letter_id) if letter_id in sent else None
        if pdf is None:
            raise NotFound("page") if letter_id not in sent else Problem(503, "Service unavailable")
        name = {"Content-Disposition": f'inline; filename="{reference.parse(given)}.pdf"'}
        return Response(pdf, media_type="application/pdf", headers={**HEADERS, **name})

    def _ask(
        self, request: Request, given: str, status: int = 200, *, ask_reference: bool = False, failed: bool = False
    ) -> Response:
        values = {"reference": given, "ask_reference": ask_reference, "failed": failed}
        return self.site.render(request, "unlock.html", status, **values)

    @staticmethod
    def _back(given: str, token: str, more: str = "") -> Response:
        return RedirectResponse(f"/track/{given}?t={token}{more}", 303, headers=HEADERS)

    async def _lock(self, given: str) -> Lock:
        parsed = reference.parse(given) or reference.new()  # a malformed one costs the same look-up
        async with self.desk.work.db.read() as tx:
            return await cases.lock_of(tx, parsed)

    async def _unlocked(self, given: str, token: str) -> Case | None:
        """The complaint, for who holds a link that still opens it."""
        if not token:
            return None
        lock = await self._lock(given)
        if not self.desk.links.valid(given, token, datetime.now(UTC), lock.edition) or lock.complaint_id is None:
            return None
        async with self.desk.work.db.read() as tx:
            return (await self.desk.work.store.load(tx, [lock.complaint_id]))[lock.complaint_id]

    def _opens(self, lock: Lock, told: str) -> bool:
        email, phone = identity.email(told), identity.phone(told, self.desk.settings.phone_region)
        digits = "".join(told.split()) if told.isascii() else ""
        pin_fits = self.desk.links.is_pin(lock.complaint_id or NOBODY, digits)
        knows = not lock.contacts.isdisjoint({email, phone} - {None})
        return lock.complaint_id is not None and (knows if lock.contacts else pin_fits)

    async def _story(self, request: Request, case: Case, token: str, status: int = 200, **more: Any) -> Response:
        async with self.desk.work.db.read() as tx:
            letters = await cases.letters_of(tx, case.complaint_id)
            body = await cases.body_of(tx, case.complaint_id)
            files = await entries.attachments_of(tx, case.complaint_id)
            also_sent = await cases.also_sent(tx, case.complaint_id, PAUSE)
        assert case.origin
        lang = self.site.language(request)
        welcome = request.query_params.get("welcome")
        # The customer's zone, not the reader's: the page and the letters name the same hour.
        zone = self.site.zones.get(case.origin.language, "UTC")
        promised = timeline.promises(case, lang, zone)
        allowed = possible(case, datetime.now(UTC), await self.desk.reopen_within(case))
        values: dict[str, Any] = {
            "case": case,
            "token": token,
            "paper": self.desk.paper.there,
            "words": own_words(body or "{}"),
            "files": files,
            "also_sent": also_sent,
            "letters": {str(letter.letter_id): letter for letter in letters},
            "answer": next(
                (letter for letter in reversed(letters) if letter.kind in ("resolution", "final") and letter.text), None
            ),
            "promised": promised,
            "lines": [(e, timeline.sentence(e.what, e.with_, lang, zone)) for e in reversed(case.timeline)],
            "when": lambda value: moment(value, lang, zone),
            "welcome": welcome,
            "again": welcome == "1" and not promised and case.origin.kind == "complaint",
            "pin": self.desk.links.pin(case.complaint_id) if case.origin.anonymous else None,
            "possible": allowed if case.origin.kind == "complaint" else ["messages"],
            "done": request.query_params.get("done"),
            "key": secrets.token_urlsafe(12),
            "wrong": "",
            "typed": "",
            "held": [],
        }
        return self.site.render(request, "track.html", status, **(values | more))


async def _evenly(started: float) -> None:
    """Wait until a refusal is due: no sooner for what does not exist than for what does."""
    await asyncio.sleep(started + REFUSED_AFTER - time.monotonic())


def router(desk: Desk, site: Site) -> APIRouter:
    """The tracking page's routes."""
    api = APIRouter(include_in_schema=False)
    pages = TrackingPages(site)

    @api.get("/track")
    @public
    async def find(request: Request) -> Response:
        return await refusing(site, request, pages.find(request))

    @api.get("/track/{given}")
    @public
    async def show(request: Request, given: str) -> Response:
        return await refusing(site, request, pages.show(request, given))

    @api.post("/track/{given}")
    @public
    async def unlock(request: Request, given: str) -> Response:
        return await refusing(site, request, pages.unlock(request, given))

    @api.get("/track/{given}/files/{attachment_id}")
    @public
    async def file(request: Request, given: str, attachment_id: UUID) -> Response:
        return await refusing(site, request, pages.file(request, given, attachment_id))

    @api.get("/track/{given}/letters/{letter_id}.pdf")
    @public
    async def letter(request: Request, given: str, letter_id: UUID) -> Response:
        return await refusing(site, request, pages.letter(request, given, letter_id))

    @api.post("/track/{given}/{word}")
    @public
    async def say(request: Request, given: str, word: str) -> Response:
        return await refusing(site, request, pages.say(request, given, word))

    return api
