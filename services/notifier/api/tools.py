"""Lint and preview."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter

from shared.base.errors import NotFound, Problem
from shared.base.security import Role, allow
from shared.spine.spine import Spine

from ..desk import lint, preview
from ..foresee import ForeseeIn, ForeseeOut, foresee
from ..model import Matter
from ..shapes import FindingOut, LintIn, LintOut, PreviewIn, PreviewOut
from ..store import Store
from ..writer import Writer

WRITERS: tuple[Role, ...] = ("handler", "lead", "manager", "approver", "quality", "service")


def router(writer: Writer) -> APIRouter:
    """Letters that are looked at and not kept, from what the caller gives alone."""
    routes = APIRouter(prefix="/v1")

    def known(language: str) -> None:
        # Letters to customers fall back; who tries a language out is told that there is none.
        if language not in writer.languages:
            there = ", ".join(writer.languages)
            raise Problem(
                422, "Unprocessable content", "There is no such language here.",
                errors=[{"pointer": "/language", "detail": f"is none of {there}"}],
            )  # fmt: skip

    # Plain functions: they reckon for milliseconds, and a thread keeps that away from the sender's loop.
    @routes.post("/letters/lint")
    @allow(*WRITERS)
    def lint_letter(wanted: LintIn) -> LintOut:
        """What the rules find in a letter, where, and what to write instead; and the gate's verdict."""
        known(wanted.language)
        report = lint(writer.linter, wanted)
        return LintOut(findings=[FindingOut(**f.as_json()) for f in report.findings], gate=report.gate)

    @routes.post("/letters/preview")
    @allow(*WRITERS)
    def preview_letter(wanted: PreviewIn) -> PreviewOut:
        """The letter that these data make, as the customer would see it."""
        known(wanted.language)
        return preview(writer, wanted)

    return routes


def for_complaints(writer: Writer, spine: Spine[Matter], store: Store) -> APIRouter:
    """The same for a complaint as we know it."""
    routes = APIRouter(prefix="/v1")

    @routes.post("/complaints/{complaint_id}/letters/preview")
    @allow(*WRITERS)
    async def foresee_letter(complaint_id: UUID, wanted: ForeseeIn) -> ForeseeOut:
        """The letter that this decision would make for the customer of this complaint, as we know them."""
        async with spine.db.read() as tx:
            matter = await store.look(tx, complaint_id)
        if matter.facts is None:
            raise NotFound("complaint")
        return await asyncio.to_thread(foresee, writer, matter, matter.facts, wanted, datetime.now(UTC))

    return routes
