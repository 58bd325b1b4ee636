"""One command on many cases: each for itself, or all or none; asked twice under one key, done once."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import Field, ValidationError, field_validator
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from shared.base.answers import invalid
from shared.base.errors import Conflict, NotFound, Problem, Stalled
from shared.base.security import allow
from shared.spine.effects import Effect
from shared.spine.unit import Unit, command_cause, counted

from ..handlers.flow import Actor, Unchanged
from ..model import Case
from ..store import bulks
from . import case_bodies
from .base import WORKERS, Desk
from .fields import Body, Command
from .work import Act, Work

MOST = 100
KEPT_KEYS = 5  # of bulk actions that a case remembers
BULK: Mapping[str, type[Command]] = {
    "transfer": case_bodies.TransferIn,
    "take-over": case_bodies.ReasonIn,
    "pull-back": case_bodies.ReasonIn,
    "note": case_bodies.TextIn,
    "contacts": case_bodies.ContactIn,
    "reply": case_bodies.TextIn,
    "call-lead": case_bodies.ReasonIn,
    "resolve": case_bodies.ResolveIn,
    "close": Command,
}
Name = Literal["transfer", "take-over", "pull-back", "note", "contacts", "reply", "call-lead", "resolve", "close"]
Key = Annotated[str | None, Header(min_length=1, max_length=200)]


class OneOf(Body):
    """A case, and the version in which the caller saw it."""

    complaint_id: UUID
    version: int | None = Field(None, ge=0)


class BulkIn(Body):
    """`mode` each: every case for itself, in the order given. all: all of them in one transaction, or none."""

    command: Name
    cases: list[OneOf] = Field(min_length=1, max_length=MOST)
    body: dict[str, Any] = Field({}, description="What the command takes for a single case, without `version`")
    mode: Literal["each", "all"] = "each"

    @field_validator("cases")
    @classmethod
    def _once(cls, cases: list[OneOf]) -> list[OneOf]:
        if len({c.complaint_id for c in cases}) != len(cases):
            raise ValueError("a case is named twice")
        return cases


def router(desk: Desk) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1/cases", tags=["work"])
    bulk = Bulk(desk)

    @routes.post("/bulk")
    @allow(*WORKERS)
    async def post_bulk(request: Request, response: Response, body: BulkIn, idempotency_key: Key = None) -> Any:
        """One command on up to 100 cases. `each`: 200 with the outcome of every case, done or refused with why. `all`:
        409 with the cases that stand in the way, and nothing is done. With an `Idempotency-Key` the same request is
        carried out once, also after a crash in the middle, and answered alike."""
        return await bulk.run(body, await desk.actor(request), idempotency_key, response)

    return routes


class Bulk:
    """Carries bulk actions out."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.work = desk, Work(desk)

    async def run(self, asked: BulkIn, actor: Actor, key: str | None, response: Response) -> Any:
        """The answer, or that of the first time. Raises Problem."""
        try:
            given = BULK[asked.command].model_validate(asked.body)
        except ValidationError as problem:
            raise invalid(problem) from None
        if key is None:
            return await self._do(asked, given, actor, None)
        digest = hashlib.sha256(to_json(asked.model_dump(mode="json"))).digest()
        async with self.desk.spine.db.transaction() as tx:
            first, answer = await bulks.begin(tx, actor.name, key, digest)
        if first != digest:
            raise Problem(422, "Unprocessable content", "This key was used for another request.")
        if answer is not None:
            response.headers["Idempotent-Replayed"] = "true"
            return answer
        mark = hashlib.sha256(f"{actor.name}\n{key}".encode()).hexdigest()[:16]
        answer = await self._do(asked, given, actor, mark)
        async with self.desk.spine.db.transaction() as tx:
            await bulks.end(tx, actor.name, key, answer)
        return answer

    async def _do(self, asked: BulkIn, given: Command, actor: Actor, mark: str | None) -> dict[str, Any]:
        run = self._all if asked.mode == "all" else self._each
        results = await run(asked, given, actor, mark)
        done = sum(r["outcome"] == "done" for r in results)
        return {
            "command": asked.command, "mode": asked.mode, "done": done, "refused": len(results) - done,
            "results": results,
        }  # fmt: skip

    async def _each(self, asked: BulkIn, given: Command, actor: Actor, mark: str | None) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for one in asked.cases:
            try:
                act = await self.work.act(one.complaint_id, asked.command, given)
                case = await self.desk.command(one.complaint_id, _marked(act, actor, mark, one.version), expected=None)
                results.append(_done(case))
            except Problem as refusal:
                results.append({"complaint_id": str(one.complaint_id), "outcome": "refused", "problem": refusal.body()})
        return results

    async def _all(self, asked: BulkIn, given: Command, actor: Actor, mark: str | None) -> list[dict[str, Any]]:
        acts = {one.complaint_id: await self.work.act(one.complaint_id, asked.command, given) for one in asked.cases}

        async def together() -> dict[UUID, Case]:
            async with self.desk.spine.work.unit(acts) as unit:
                cases = await self.desk.store.load(unit.tx, list(acts))
                errors = [
                    {"pointer": f"/cases/{n}", "detail": refusal}
                    for n, one in enumerate(asked.cases)
                    if (refusal := _apply(unit, cases[one.complaint_id], acts, actor, mark, one.version))
                ]
                if errors:
                    raise Problem(409, "Conflict", "Nothing was done: some cases stand in the way.", errors=errors)
                await self.desk.store.save(unit.tx, list(cases.values()))
            return cases

        cases = await self.desk.spine.db.retrying(together)
        return [_done(cases[one.complaint_id]) for one in asked.cases]


def _apply(
    unit: Unit, case: Case, acts: Mapping[UUID, Act], actor: Actor, mark: str | None, version: int | None
) -> str | None:
    """Carry out one of all; what stands in the way, if anything does."""
    try:
        if not case.known:
            raise NotFound("case")
        if unit.streams[case.complaint_id].stalled:
            raise Stalled(case.complaint_id)
        effects = list(_marked(acts[case.complaint_id], actor, mark, version)(case, unit.now))
    except Unchanged:
        return None
    except Problem as refusal:
        return refusal.detail or refusal.title
    case.version += 1
    unit.add(case.complaint_id, command_cause("routing", case), effects, counted=counted(case))
    return None


def _marked(act: Act, actor: Actor, mark: str | None, version: int | None) -> Any:
    """The command for one case, which remembers by its mark that it was carried out."""

    def decide(case: Case, now: datetime) -> Iterable[Effect]:
        if mark is not None and mark in case.bulk_keys:
            raise Unchanged
        if version is not None and case.version != version:
            raise Conflict(f"The case has version {case.version}, not {version}.", version=case.version)
        effects = list(act(case, actor, now))
        if mark is not None:
            case.bulk_keys = [*case.bulk_keys[1 - KEPT_KEYS :], mark]
        return effects

    return decide


def _done(case: Case) -> dict[str, Any]:
    return {
        "complaint_id": str(case.complaint_id), "outcome": "done", "state": case.state, "version": case.version,
    }  # fmt: skip
