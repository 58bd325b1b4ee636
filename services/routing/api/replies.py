"""The reply library: read and used by whoever works, kept by leads and quality."""

from typing import Annotated, Any, get_args
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field, StringConstraints
from starlette.requests import Request

from shared.base.errors import Conflict, NotFound, Problem
from shared.base.fields import clean
from shared.base.security import Role, allow, bearer
from shared.events.common import LANGUAGE_TAG, Cause, Language

from .. import replies
from ..model import Case
from ..peer import Unavailable
from ..replies import Reply
from ..store import replies as store
from .base import WORKERS, Desk, expected
from .fields import Body, Id

KEEPERS: tuple[Role, ...] = ("lead", "manager", "quality")
USERS: tuple[Role, ...] = (*WORKERS, "approver", "auditor", "quality")
CAUSES = (replies.ANY, *(c for c in get_args(Cause) if c != "unknown"))


def _places(text: str) -> str:
    if wrong := replies.unknown_places(text):
        known = ", ".join(f"{{{p}}}" for p in replies.PLACES)
        raise ValueError(f"nothing fills {', '.join(wrong[:5])}; there are {known}")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=replies.MOST_TEXT),
    AfterValidator(clean),
    AfterValidator(_places),
]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=replies.MOST_TITLE),
    AfterValidator(clean),
]
CauseName = Annotated[
    str,
    AfterValidator(lambda c: c if c in CAUSES else _no_cause()),
    Field(description=f"One of {', '.join(CAUSES)}"),
]


def _no_cause() -> str:
    raise ValueError(f"there are {', '.join(CAUSES)}")


class ReplyIn(Body):
    """A reply. `owner` answers for it: who writes, when nobody is named. `version`: the one that is replaced."""

    cause: CauseName
    language: Language
    title: Title
    text: Text
    owner: Id | None = None
    archived: bool = False
    version: int | None = Field(None, ge=1)


def document(reply: Reply) -> dict[str, Any]:
    """A reply as it is told."""
    return vars(reply)


async def gated(desk: Desk, request: Request, given: ReplyIn, by: str) -> None:
    """Hold a reply beside the rules of our letters, its places filled. Raises Problem 422 with what they find.

    Without the notifier nothing is held back here: what is made of a reply passes the same gate before it is sent.
    """
    if given.language not in (there := desk.settings.tongues.all):
        raise Problem(
            422, "Unprocessable content", "We do not write in this language.",
            errors=[{"pointer": "/language", "detail": f"is none of {', '.join(there)}"}],
        )  # fmt: skip
    if given.archived:
        return
    text = replies.filled(given.text, given.language, Case(uuid4(), reference="AM-0000000000"))
    letter = {"greeting": given.title, "body": [text], "signatory": given.owner or by}
    wanted = {"letter": letter, "language": given.language, "kind": "reply"}
    try:
        found = await desk.notifier.lint(bearer(request) or "", wanted)
    except Unavailable:
        return
    if found["gate"] == "block":
        said = [f"{f['rule']}: {f['message']}. {f['suggestion']}" for f in found["findings"] if f["level"] != "info"]
        raise Problem(
            422, "Unprocessable content", "A letter made of this would not pass our own check.",
            errors=[{"pointer": "/text", "detail": one} for one in said],
        )  # fmt: skip


async def make(desk: Desk, given: ReplyIn, by: str) -> Reply:
    """Keep a new reply."""
    reply = Reply(uuid4(), given.cause, given.language, given.title, given.text, given.owner or by)
    async with desk.spine.db.transaction() as tx:
        await store.add(tx, reply, by)
    return reply


async def change(desk: Desk, reply_id: UUID, given: ReplyIn, by: str, version: int | None) -> Reply:
    """Write a reply's next version. Raises NotFound, Conflict when somebody else has changed it."""
    async with desk.spine.db.transaction() as tx:
        before = await store.get(tx, reply_id)
        if before is None:
            raise NotFound("reply")
        what = "changed"
        if before.archived != given.archived:
            what = "archived" if given.archived else "restored"
        wanted = Reply(
            reply_id, given.cause, given.language, given.title, given.text, given.owner or before.owner,
            version or before.version, given.archived,
        )  # fmt: skip
        if not await store.change(tx, wanted, what, by):
            raise Conflict("Somebody else has changed this reply meanwhile.", version=before.version)
        after = await store.get(tx, reply_id)
    assert after is not None
    return after


async def offered(desk: Desk, complaint_id: UUID, language: Language | None = None) -> list[dict[str, Any]]:
    """What fits a case, with its places filled. Raises NotFound."""
    case = await desk.case(complaint_id)
    async with desk.spine.db.read() as tx:
        found = await store.find(tx, language=language or case.language)
    fitting = replies.fitting(found, case.cause, language or case.language)
    return [{**document(r), "text": replies.filled(r.text, r.language, case)} for r in fitting]


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["replies"])

    @routes.get("/replies")
    @allow(*USERS)
    async def list_replies(
        cause: str = "",
        language: Annotated[str, Query(pattern=f"^$|{LANGUAGE_TAG}")] = "",
        q: Annotated[str, Query(max_length=200), AfterValidator(clean)] = "",
        archived: bool = False,
    ) -> list[dict[str, Any]]:
        """The library. `q`: words in title or text."""
        if cause and cause not in CAUSES:
            raise Problem(422, "Unprocessable content", f"cause: there are {', '.join(CAUSES)}.")
        async with desk.spine.db.read() as tx:
            found = await store.find(tx, cause=cause, language=language, q=q.strip(), archived=archived)
        return [document(r) for r in found]

    @routes.post("/replies", status_code=201)
    @allow(*KEEPERS)
    async def add_reply(request: Request, body: ReplyIn) -> dict[str, Any]:
        """A new reply."""
        actor = await desk.actor(request)
        await gated(desk, request, body, actor.name)
        return document(await make(desk, body, actor.name))

    @routes.get("/replies/{reply_id}")
    @allow(*USERS)
    async def get_reply(reply_id: UUID) -> dict[str, Any]:
        """One reply with its versions: who made what of it."""
        async with desk.spine.db.read() as tx:
            found = await store.get(tx, reply_id)
            versions = await store.versions(tx, reply_id)
        if found is None:
            raise NotFound("reply")
        return {**document(found), "versions": versions}

    @routes.put("/replies/{reply_id}")
    @allow(*KEEPERS)
    async def put_reply(request: Request, reply_id: UUID, body: ReplyIn) -> dict[str, Any]:
        """The next version, also to archive it or to take it back. 409 when `version` (or If-Match) is an older one."""
        actor = await desk.actor(request)
        await gated(desk, request, body, actor.name)
        return document(await change(desk, reply_id, body, actor.name, expected(request, body.version)))

    @routes.get("/cases/{complaint_id}/replies")
    @allow(*WORKERS)
    async def for_case(complaint_id: UUID, language: Language | None = None) -> list[dict[str, Any]]:
        """What fits a case's cause and language, with name, reference, product and order filled in."""
        return await offered(desk, complaint_id, language)

    return routes
