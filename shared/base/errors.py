"""Refusals, in the form in which every caller sees them (RFC 9457 problem details)."""

from collections.abc import Mapping, Sequence
from typing import Any


class Problem(Exception):
    """A refusal with an HTTP status. `errors` point at fields: `{"pointer": "/customer/email", "detail": "..."}`."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail = status, title, detail
        self.errors, self.headers, self.more = list(errors), dict(headers or {}), more

    def body(self) -> dict[str, Any]:
        """The `application/problem+json` document."""
        document: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status, **self.more}
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = self.errors
        return document


class Conflict(Problem):
    """The thing is not in the state, or not in the version, that the command expects (409)."""

    def __init__(self, detail: str, **more: Any) -> None:
        super().__init__(409, "Conflict", detail, **more)


class Stalled(Problem):
    """The complaint waits behind an event that could not be handled; commands wait too (409)."""

    def __init__(self, complaint_id: object) -> None:
        super().__init__(
            409,
            "Stalled",
            "An earlier event of this complaint waits for repair; try again later.",
        )
        self.complaint_id = complaint_id


class NotFound(Problem):
    """There is no such thing, or not for this caller (404)."""

    def __init__(self, what: str = "resource") -> None:
        super().__init__(404, "Not found", f"There is no such {what}.")


class Refused(Exception):
    """The service must not run with this database: another deployment, not migrated, restored from before."""
