"""Policy packs and their versions."""

from dataclasses import asdict

from fastapi import APIRouter, Request

from shared.base.errors import NotFound, Problem
from shared.base.security import allow, caller
from shared.spine.spine import Spine

from ..book import Edition, PolicyBook
from ..change import Order
from ..changing import Report, apply_to_all, preview
from ..checks import check
from ..document import MOST_BYTES, Faulty
from ..model import Case
from ..policy import Pack
from ..store import Store
from .shapes import STAFF, ApplyIn, ChangeOut, MovedOut, PolicyOut

_TEXT = {
    "schema": {"type": "string"},
    "example": "pack: house-tiered\ntitle: …\nclocks:\n  - {clock: decision, limit: 3wd}",
}
_BODY = {
    "required": True,
    "description": "A pack: the same keys in YAML or JSON, as `amends policy check` takes them.",
    "content": {"application/yaml": _TEXT, "application/json": {"schema": {"type": "object"}}},
}


def router(spine: Spine[Case], store: Store) -> APIRouter:
    """The routes about policies."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/policies")
    @allow(*STAFF)
    async def policies() -> list[PolicyOut]:
        """Every version of every pack, the newest first. Example configuration is no legal advice."""
        async with spine.db.read() as tx:
            await store.refresh(tx)
        return [_policy_out(edition) for edition in store.book.editions()]

    @routes.post("/policies", status_code=201, openapi_extra={"requestBody": _BODY})
    @allow("manager", "ops")
    async def post_policy(request: Request) -> PolicyOut:
        """Store a new version of a pack (YAML or JSON). It binds complaints received from now on."""
        pack, body = _pack(await request.body(), store.book)
        by = caller(request).name

        async def keep() -> Edition:
            async with spine.db.transaction() as tx:
                return await store.post(tx, pack, body, by=by)

        return _policy_out(await spine.db.retrying(keep))

    @routes.post("/policies/{pack}/preview", openapi_extra={"requestBody": {**_BODY, "required": False}})
    @allow(*STAFF)
    async def preview_policy(pack: str, request: Request, version: int | None = None) -> ChangeOut:
        """Which open complaints a version would move, relax or make late: the one in the body, a stored one, or the
        newest. Nothing is changed."""
        async with spine.db.read() as tx:
            await store.refresh(tx)
        book, raw = store.book, await request.body()
        if raw:
            candidate, body = _pack(raw, book)
            if candidate.pack != pack:
                raise _wrong("/pack", f"The body is the pack {candidate.pack!r}.")
            book, edition = book.with_candidate(candidate, body)
        else:
            edition = _stored(book, pack, version)
        order = Order(edition, caller(request).name, "preview", loosen=True)
        return _change_out(edition, await preview(spine.db, store, book, order))

    @routes.post("/policies/{pack}/apply")
    @allow("manager", "ops")
    async def apply_policy(pack: str, body: ApplyIn, request: Request) -> ChangeOut:
        """Bring all open complaints under a stored version (the newest, if none is named). What customers were told is
        loosened only with `loosen` and a reason. Pauses, met clocks and missed ones stay. Doing it twice changes
        nothing more."""
        async with spine.db.read() as tx:
            await store.refresh(tx)
        edition = _stored(store.book, pack, body.version)
        order = Order(edition, caller(request).name, body.reason, body.loosen)
        return _change_out(edition, await apply_to_all(spine.work, store, order))

    return routes


def _pack(raw: bytes, book: PolicyBook) -> tuple[Pack, str]:
    if len(raw) > MOST_BYTES:
        raise Problem(413, "Content too large", f"At most {MOST_BYTES} bytes.")
    try:
        body = raw.decode("utf-8")
        return check(body, book.calendars), body
    except UnicodeDecodeError:
        raise Problem(400, "Bad request", "The body is not UTF-8 text.") from None
    except Faulty as error:
        raise _faulty(error) from None


def _stored(book: PolicyBook, pack: str, version: int | None) -> Edition:
    newest = book.newest(pack)
    if newest is None:
        raise NotFound("policy")
    try:
        return newest if version is None else book.edition(pack, version)
    except KeyError:
        raise NotFound("version of the policy") from None


def _wrong(pointer: str, detail: str) -> Problem:
    return Problem(422, "Unprocessable content", detail, errors=[{"pointer": pointer, "detail": detail}])


def _change_out(edition: Edition, report: Report) -> ChangeOut:
    names = ("tightened", "relaxed", "opened", "ended", "kept", "breaching", "stalled")
    return ChangeOut(
        pack=edition.pack.pack, version=edition.version, open=report.open,
        **{name: report.counts[name] for name in names},
        clocks=[MovedOut.model_validate(asdict(m)) for m in report.listed],
    )  # fmt: skip


def _faulty(error: Faulty) -> Problem:
    first = error.faults[0]
    return Problem(
        422,
        "Unprocessable content",
        f"Line {first}",
        errors=[{"pointer": f.pointer, "detail": f"line {f}", "line": str(f.line)} for f in error.faults],
        line=first.line,
    )


def _policy_out(edition: Edition) -> PolicyOut:
    pack = edition.pack
    return PolicyOut(
        pack=pack.pack, version=edition.version, title=pack.title, notice=pack.notice, source=pack.source,
        as_of=str(pack.as_of), confidence=pack.confidence, active=pack.active, legal=pack.legal,
        in_force_from=edition.in_force_from, created_at=edition.created_at, created_by=edition.created_by,
        outside=pack.outside.model_dump() if pack.outside else None, reopen_days=pack.reopen_days,
        clocks=[
            rule.model_dump(mode="json", exclude_none=True, exclude_defaults=True) | pack.provenance(rule)
            for rule in pack.clocks
        ],
        duties=[duty.model_dump(mode="json", exclude_none=True) for duty in pack.duties],
    )  # fmt: skip
