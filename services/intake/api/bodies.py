"""Bodies in, problems out: strict JSON with a pointer for every fault, and the description of what is expected."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID, uuid5

from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from services.intake.entry import Stored
from shared.base.answers import invalid, pointers
from shared.base.errors import Problem
from shared.base.fields import unclean
from shared.base.uploads import Upload

M = TypeVar("M", bound=BaseModel)


def must_be_json(request: Request) -> None:
    """Raises Problem 415 for a body that is announced as something else."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(415, "Unsupported media type", "Send application/json.")


async def json_body(request: Request) -> bytes:
    """The body of a JSON request. Raises Problem 415."""
    must_be_json(request)
    return await request.body()


def parse(model: type[M], raw: bytes) -> M:
    """The body as its model. Raises Problem 400 (no JSON) or 422 with the pointer of each field that is wrong."""
    try:
        parsed = model.model_validate_json(raw)
    except ValidationError as error:
        raise _unclean(raw) or invalid(error) from None
    if b"\\u0000" in raw and (problem := _unclean(raw)):
        raise problem
    return parsed


def _unclean(raw: bytes) -> Problem | None:
    try:
        found = unclean(json.loads(raw))
    except (ValueError, RecursionError):
        return None
    errors = pointers([{"loc": place, "msg": what} for place, what in found[:20]])
    return Problem(422, "Unprocessable content", "Some fields are wrong.", errors=errors) if errors else None


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header. Raises Problem 400 for one that no store could keep apart."""
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Problem(400, "Bad request", "Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key


def stored(files: Sequence[Upload], owner: UUID) -> tuple[Stored, ...]:
    """The files as a message's own; their ids follow from the message's."""
    return tuple(
        Stored(uuid5(owner, f"file {n}"), f.name, f.media_type, f.content, bytes.fromhex(f.sha256))
        for n, f in enumerate(files)
    )


# Models of bodies that FastAPI cannot see, because `parse` reads them.
_MODELS: dict[str, type[BaseModel]] = {}


def expects(model: type[BaseModel], media_type: str = "application/json") -> dict[str, Any]:
    """`openapi_extra` of a route whose body is read by `parse`."""
    _MODELS[model.__name__] = model
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def describe(app: FastAPI, extra_paths: dict[str, Any]) -> None:
    """Complete the OpenAPI document: the plain routes, and the models of bodies that `parse` reads."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        document = made_by_fastapi()
        for path, operations in extra_paths.items():
            document["paths"].setdefault(path, {}).update(operations)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name, model in _MODELS.items():
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[name] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]
