"""What can be called from outside, as files: docs/openapi/<service>.json and docs/routes.md.

`python -m services.outside` writes them; a test compares them with what is committed. Stands on the roof like the
command line: no service imports it.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from shared.base.runtime import Service
from shared.base.security import ROLES
from shared.events.catalog import SERVICES

DOCS = Path(__file__).parents[1] / "docs"
# Enough to compose a service without starting it: nothing is connected before it runs.
ENVIRONMENT = {
    "AMENDS_DATABASE_URL": "postgresql://nobody@localhost/none",
    "AMENDS_DEPLOYMENT_ID": "docs",
    "AMENDS_KAFKA_BOOTSTRAP": "localhost:9092",
    "AMENDS_TOKEN_KEY": "0" * 32,
    "AMENDS_SMTP_URL": "smtp://localhost:25",
}
INTRODUCTION = """# Routes and roles

Default: no. A route answers those roles that are named here and nobody else (401 without a valid token, 403 with
another role, both before anything is looked up). `public` routes are the customer's own pages and health. Generated
by `python -m services.outside`.
"""


@cache
def composed(service: str) -> Service:
    """A service, composed but not started."""
    module = import_module(f"services.{service}.app")
    settings = import_module(f"services.{service}.settings").Settings
    built: Service = module.build(settings(**{n.removeprefix("AMENDS_").lower(): v for n, v in ENVIRONMENT.items()}))
    return built


def application(service: str) -> FastAPI:
    """The web application of a service."""
    return composed(service).web


def consumed(service: str) -> set[str]:
    """The event types that a service has handlers for."""
    (consumer,) = (loop.run for loop in composed(service).loops if loop.name == "consumer")
    return set(consumer.__self__.wanted)  # type: ignore[attr-defined]


def routes(app: FastAPI) -> Iterator[tuple[str, str, frozenset[str] | None, str | None]]:
    """Method, path, the roles that may call (None: everybody; empty: nobody), and the scope that a channel needs."""
    for route in _all(app.routes):
        roles, scope = getattr(route.endpoint, "__access__", (frozenset(), None))
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, route.path, roles, scope


def _all(found: Any) -> Iterator[Route | APIRoute]:
    for route in found:
        if isinstance(route, (Route, APIRoute)):
            yield route
        elif hasattr(route, "original_router"):
            yield from _all(route.original_router.routes)


def routes_page() -> str:
    """The table route × role of all services."""
    lines = [INTRODUCTION]
    for service in SERVICES:
        lines += [f"## {service}", "", "| route | who |", "|---|---|"]
        for method, path, roles, scope in sorted(routes(application(service)), key=lambda r: (r[1], r[0])):
            who = "public" if roles is None else ", ".join(r for r in ROLES if r in roles)
            lines.append(f"| `{method} {path}` | {who}{f' (scope `{scope}`)' if scope else ''} |")
        lines.append("")
    return "\n".join(lines)


def openapi_text(service: str) -> str:
    """The OpenAPI document as it is committed."""
    return json.dumps(application(service).openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write all of it."""
    (DOCS / "openapi").mkdir(exist_ok=True)
    for service in SERVICES:
        (DOCS / "openapi" / f"{service}.json").write_text(openapi_text(service))
    (DOCS / "routes.md").write_text(routes_page())


if __name__ == "__main__":
    main()
