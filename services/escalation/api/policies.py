"""Policy packs and their versions."""

from fastapi import APIRouter, Request

from shared.base.errors import Problem
from shared.base.security import allow, caller
from shared.spine.spine import Spine

from ..book import Edition
from ..checks import check
from ..document import MOST_BYTES, Faulty
from ..model import Case
from ..store import Store
from .shapes import STAFF, PolicyOut

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
        raw = await request.body()
        if len(raw) > MOST_BYTES:
            raise Problem(413, "Content too large", f"At most {MOST_BYTES} bytes.")
        try:
            body = raw.decode("utf-8")
            pack = check(body, store.book.calendars)
        except UnicodeDecodeError:
            raise Problem(400, "Bad request", "The body is not UTF-8 text.") from None
        except Faulty as error:
            raise _faulty(error) from None
        by = caller(request).name

        async def keep() -> Edition:
            async with spine.db.transaction() as tx:
                return await store.post(tx, pack, body, by=by)

        return _policy_out(await spine.db.retrying(keep))

    return routes


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
        clocks=[rule.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for rule in pack.clocks],
    )  # fmt: skip
