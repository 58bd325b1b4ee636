"""Wrong requests, made from a service's own OpenAPI document: each changing call with each kind of bad input.

The right document of a call is built from its schema; each of its fields is then spoilt in turn.
"""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
CHANGING = ("post", "put", "patch", "delete")
LARGE = 10 << 20
DEEP = 5000
_DAY = {"date-time": "2026-11-02T10:00:00Z", "date": "2026-11-02"}
_SAMPLES = ("words", "en", "GBP", "10:00", "10", "ada@example.com", "text/plain")
# The years that exist for no calendar, and those at whose edge every sum leaves the calendar.
NO_DAYS = ("0000-01-01", "99999-01-01")
LAST_DAYS = ("0001-01-01", "9999-12-31")


@dataclass(frozen=True)
class Wrong:
    """One wrong request. `pointer`: what the refusal points at, "" when any will do, None when it may pass."""

    what: str
    method: str
    path: str
    body: bytes
    kind: str
    pointer: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def pointer(path: Path) -> str:
    """As a JSON pointer."""
    return "".join(f"/{part}" for part in path)


class Document:
    """A service's OpenAPI document."""

    def __init__(self, api: Mapping[str, Any], known: Mapping[str, str]) -> None:
        """`known`: what stands for a path parameter of this name."""
        self.api, self.known = api, known

    def wrong(self) -> Iterator[Wrong]:
        """Every changing call with every kind of bad input."""
        for path, calls in self.api["paths"].items():
            for method, call in calls.items():
                if method in CHANGING:
                    yield from self._call(method.upper(), path, call)

    def _call(self, method: str, path: str, call: Mapping[str, Any]) -> Iterator[Wrong]:
        names = [p["name"] for p in call.get("parameters", ()) if p["in"] == "path"]
        right = path
        for name in names:
            right = right.replace(f"{{{name}}}", self.known[name])
        contents = call.get("requestBody", {}).get("content", {})
        kinds = list(contents) or ["application/json"]
        for name in names:
            for bad in ("%00", "%ED%A0%80", "a" * 5000, "..%2f..", "%F0%9F%98%A1"):
                spoilt = path.replace(f"{{{name}}}", bad)
                for other in names:
                    spoilt = spoilt.replace(f"{{{other}}}", self.known[other])
                yield Wrong(f"{name} in the path is {bad[:12]}", method, spoilt, b"{}", kinds[0])
        for query in (p["name"] for p in call.get("parameters", ()) if p["in"] == "query"):
            for bad in ("%00", "%ED%A0%80", "99999999999999999999"):
                yield Wrong(f"query {query}={bad}", method, f"{right}?{query}={bad}", b"{}", kinds[0])
        for kind in kinds:
            for what, body in _raw():
                yield Wrong(what, method, right, body, kind)
        yield Wrong("another kind of body", method, right, b"{}", "application/x-nonsense")
        keyed = {"Idempotency-Key": "k" * 5000}
        yield Wrong("a key of 5,000 characters", method, right, b"{}", kinds[0], headers=keyed)
        if schema := contents.get("application/json", {}).get("schema"):
            yield from self._spoilt(method, right, schema)

    def _spoilt(self, method: str, path: str, schema: Mapping[str, Any]) -> Iterator[Wrong]:
        whole = self.right(schema)
        if not isinstance(whole, dict):
            return
        for what, text in (("invalid JSON", b'{"a":'), ("no JSON", b"\x00"), ("not UTF-8", b'{"a": "\xff\xfe"}')):
            yield Wrong(what, method, path, text, "application/json", "")
        if self._closed(schema):
            yield _json("an unknown field", method, path, whole | {"never_heard_of": 1}, "/never_heard_of")
        for where, kind in self._fields(schema, whole):
            at = pointer(where)
            yield _json(f"{at} has the wrong type", method, path, put(whole, where, {"no": ["such"]}), at)
            if kind.get("type") != "string":
                continue
            for what, bad in (("NUL", "a\0b"), ("a lone surrogate", "a\ud800b")):
                yield _json(f"{at} holds {what}", method, path, put(whole, where, bad), at)
            if rest := _DAY.get(kind.get("format", ""), "")[10:] or (kind.get("format") == "date" and " "):
                for day in NO_DAYS:
                    yield _json(f"{at} is {day}", method, path, put(whole, where, (day + rest).strip()), at)
                for day in LAST_DAYS:
                    yield _json(f"{at} is {day}", method, path, put(whole, where, (day + rest).strip()), None)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without references; of alternatives the first that is something."""
        while True:
            if ref := schema.get("$ref"):
                schema = self.api["components"]["schemas"][ref.rpartition("/")[2]]
            elif options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
                schema = next(o for o in options if o.get("type") != "null")
            else:
                return schema

    def _closed(self, schema: Mapping[str, Any]) -> bool:
        return self._resolved(schema).get("additionalProperties") is False

    def right(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A document that fits, with every field there is."""
        schema = self._resolved(schema)
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        match schema.get("type"):
            case "object":
                fields = schema.get("properties", {}) if depth < 8 else {}
                return {name: self.right(kind, depth + 1) for name, kind in fields.items()}
            case "array":
                return [self.right(schema["items"], depth + 1)] if "items" in schema else []
            case "string":
                if pattern := schema.get("pattern"):
                    return next(sample for sample in _SAMPLES if re.search(pattern, sample))
                words = _DAY.get(schema.get("format", "")) or self.known.get(schema.get("format", ""))
                return words or "words "[: schema.get("maxLength", 6)].ljust(schema.get("minLength", 0), "s").strip()
            case "integer" | "number":
                return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            case "boolean":
                return False
        return {}

    def _fields(self, schema: Mapping[str, Any], value: Any, at: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        schema = self._resolved(schema)
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from self._fields(schema["properties"][name], inner, (*at, name))
        elif isinstance(value, list):
            for n, inner in enumerate(value):
                yield from self._fields(schema["items"], inner, (*at, n))
        elif schema.get("type"):
            yield at, schema


def put(document: Any, where: Path, value: Any) -> Any:
    """A copy in which one place holds something else."""
    copy = deepcopy(document)
    inner = copy
    for part in where[:-1]:
        inner = inner[part]
    inner[where[-1]] = value
    return copy


def _json(what: str, method: str, path: str, document: Any, at: str | None) -> Wrong:
    return Wrong(what, method, path, json.dumps(document).encode(), "application/json", at)


def _raw() -> Iterator[tuple[str, bytes]]:
    """Bodies that are wrong whatever is expected; some calls may take them all the same."""
    yield "an empty body", b""
    yield "null", b"null"
    yield "a list", b"[]"
    yield "a number", b"1e999"
    yield "NaN", b'{"text": NaN}'
    yield "a huge number", b'{"expected": ' + b"9" * 5000 + b"}"
    yield "deep nesting", b"[" * DEEP + b"]" * DEEP
    yield "a raw NUL", b'{"text": "a\x00b"}'
    yield "bytes", bytes(range(256))
    yield "10 MB", b'{"text": "' + b"a" * LARGE + b'"}'
