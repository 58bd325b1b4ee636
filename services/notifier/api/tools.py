"""Lint and preview."""

from fastapi import APIRouter

from shared.base.security import Role, allow

from ..desk import FindingOut, LintIn, LintOut, PreviewIn, PreviewOut, lint, preview
from ..writer import Writer

WRITERS: tuple[Role, ...] = ("handler", "lead", "manager", "approver", "quality", "service")


def router(writer: Writer) -> APIRouter:
    """Letters that are looked at and not kept."""
    routes = APIRouter(prefix="/v1/letters")

    # Plain functions: they reckon for milliseconds, and a thread keeps that away from the sender's loop.
    @routes.post("/lint")
    @allow(*WRITERS)
    def lint_letter(wanted: LintIn) -> LintOut:
        """What the rules find in a letter, where, and what to write instead; and the gate's verdict."""
        report = lint(writer.linter, wanted)
        return LintOut(findings=[FindingOut(**f.as_json()) for f in report.findings], gate=report.gate)

    @routes.post("/preview")
    @allow(*WRITERS)
    def preview_letter(wanted: PreviewIn) -> PreviewOut:
        """The letter that these data make, as the customer would see it."""
        return preview(writer, wanted)

    return routes
