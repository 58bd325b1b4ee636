"""What a refusal looks like over HTTP: the problem document of RFC 9457, or a page for people."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import Problem

PROBLEM = "application/problem+json"
# How a service shows a refusal to people; callers that do not ask for a page get the problem document.
Trouble = Callable[[Request, Problem], Response]


def problem_response(problem: Problem) -> Response:
    """The RFC 9457 answer of a refusal."""
    return JSONResponse(problem.body(), problem.status, headers=problem.headers, media_type=PROBLEM)


def pointers(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Pydantic's errors as JSON pointers with a sentence each; what was sent is not repeated."""
    return [
        {"pointer": "/" + "/".join(str(p).replace("~", "~0").replace("/", "~1") for p in e["loc"]), "detail": e["msg"]}
        for e in errors
    ]


def invalid(problem: ValidationError) -> Problem:
    """The 400 or 422 of a body that does not fit: 400 when it is no JSON at all."""
    errors = problem.errors(include_url=False, include_context=False, include_input=False)
    if any(e["type"] == "json_invalid" for e in errors):
        return Problem(400, "Bad request", "The body is not valid JSON.", errors=pointers(errors))
    return Problem(422, "Unprocessable content", "Some fields are wrong.", errors=pointers(errors))


def refusal(request: Request, problem: Problem, trouble: Trouble | None) -> Response:
    """The answer of a refusal: a page for who asks for one, where there is one."""
    if trouble and "text/html" in request.headers.get("accept", ""):
        return trouble(request, problem)
    return problem_response(problem)
