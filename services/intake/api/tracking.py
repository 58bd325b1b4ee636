"""The tracking page: where a complaint stands, and what its customer can say now."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake import identity, reference, timeline
from services.intake.commands import COMMANDS, NEEDS_TEXT, Said, possible
from services.intake.entry import own_words
from services.intake.model import Case
from services.intake.store import cases, entries
from services.intake.throttle import Throttle
from shared.base.errors import Conflict, NotFound, Problem
from shared.base.pages import HEADERS, moment
from shared.base.security import public

from . import Desk
from .bodies import stored
from .pages import refusing
from .site import Sent, Site, address

SOURCE = "tracking-page"
NOBODY = UUID(int=0)


class TrackingPages:
    """The routes, and what they share."""

    def __init__(self, site: Site) -> None:
        self.site, self.desk = site, site.desk
        self.attempts = Throttle(limit=10, seconds=600)
        self.callers = Throttle(limit=200, seconds=600)  # one address may be a whole company, or our own proxy

    async def find(self, request: Request) -> Response:
        """Ask for the reference, then go on as if it stood in the address."""
        given = request.query_params.get("reference", "")
        if parsed := reference.parse(given):
            return RedirectResponse(f"/track/{parsed}", 303, headers=HEADERS)
        return self._ask(request, given, ask_reference=True, failed=bool(given))

    async def show(self, request: Request, given: str) -> Response:
        """The story of one complaint, for who holds a signed link; otherwise the question who asks."""
        token = request.query_params.get("t", "")
        case = await self._unlocked(given, token)
        return (
            self._ask(request, given, failed=bool(token)) if case is None else await self._story(request, case, token)
        )

    async def unlock(self, request: Request, given: str) -> Response:
        """Somebody tells their contact: right → a signed link; wrong contact and unknown reference look the same."""
        sent = await self.site.read(request)
        if not (self.attempts.allow(given.upper()) and self.callers.allow(address(request))):
            raise Problem(429, "Too many requests", "Please try again in ten minutes.", headers={"Retry-After": "600"})
        case = await self._case(given)
        if self._knows(case, sent.fields.get("contact", "")) and case and case.origin:
            return self._back(case.origin.reference, self._fresh(case))
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
            case = await self._case(given) or case
            token = self._fresh(case)
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
            reopen_within=self.desk.reopen_within,
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

    def _ask(
        self, request: Request, given: str, status: int = 200, *, ask_reference: bool = False, failed: bool = False
    ) -> Response:
        values = {"reference": given, "ask_reference": ask_reference, "failed": failed}
        return self.site.render(request, "unlock.html", status, **values)

    @staticmethod
    def _back(given: str, token: str, more: str = "") -> Response:
        return RedirectResponse(f"/track/{given}?t={token}{more}", 303, headers=HEADERS)

    def _fresh(self, case: Case) -> str:
        assert case.origin
        return self.desk.links.token(case.origin.reference, datetime.now(UTC), case.link_edition)

    async def _case(self, given: str) -> Case | None:
        parsed = reference.parse(given) or reference.new()  # a malformed one costs the same look-up
        async with self.desk.work.db.read() as tx:
            found = await cases.id_of(tx, parsed) or NOBODY
            case = (await self.desk.work.store.load(tx, [found]))[found]
        return case if case.origin else None

    async def _unlocked(self, given: str, token: str) -> Case | None:
        case = await self._case(given) if token else None
        edition = case.link_edition if case else 0
        return case if self.desk.links.valid(given, token, datetime.now(UTC), edition) else None

    def _knows(self, case: Case | None, told: str) -> bool:
        email, phone = identity.email(told), identity.phone(told, self.desk.settings.phone_region)
        digits = "".join(told.split()) if told.isascii() else ""
        pin_fits = self.desk.links.is_pin(case.complaint_id if case else NOBODY, digits)
        if case is None or case.origin is None:
            return False
        origin = case.origin
        if origin.anonymous:
            return pin_fits
        known = {origin.email, origin.phone, origin.represented_by} - {None}
        return bool({email, phone} & known)

    async def _story(self, request: Request, case: Case, token: str, status: int = 200, **more: Any) -> Response:
        async with self.desk.work.db.read() as tx:
            letters = await cases.letters_of(tx, case.complaint_id)
            body = await cases.body_of(tx, case.complaint_id)
            files = await entries.attachments_of(tx, case.complaint_id)
        assert case.origin
        lang = self.site.language(request)
        welcome = request.query_params.get("welcome")
        # The customer's zone, not the reader's: the page and the letters name the same hour.
        zone = self.site.zones.get(case.origin.language, "UTC")
        promised = timeline.promises(case, lang, zone)
        allowed = possible(case, datetime.now(UTC), self.desk.reopen_within)
        values: dict[str, Any] = {
            "case": case,
            "token": token,
            "words": own_words(body or "{}"),
            "files": files,
            "letters": {str(letter.letter_id): letter for letter in letters},
            "answer": next(
                (letter for letter in reversed(letters) if letter.kind == "resolution" and letter.text), None
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

    @api.post("/track/{given}/{word}")
    @public
    async def say(request: Request, given: str, word: str) -> Response:
        return await refusing(site, request, pages.say(request, given, word))

    return api
