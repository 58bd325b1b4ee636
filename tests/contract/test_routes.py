"""Who may call what: the table in the docs, default deny, and refusals that tell nothing."""

import json

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from services import outside
from shared.base import security
from shared.base.security import ROLES, Authenticator, Role, allow, public
from shared.base.web import web_app
from shared.events.catalog import SERVICES

KEY = outside.ENVIRONMENT["AMENDS_TOKEN_KEY"]
ANYTHING = "00000000-0000-4000-8000-000000000000"


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test")


def token(role: Role, name: str = "somebody") -> dict[str, str]:
    return {"Authorization": f"Bearer {security.issue(KEY, name=name, role=role)}"}


def test_the_table_in_the_docs_is_what_the_code_says() -> None:
    assert (outside.DOCS / "routes.md").read_text() == outside.routes_page(), "run `python -m services.outside`"


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_openapi_is_what_the_code_says(service: str) -> None:
    committed = outside.DOCS / "openapi" / f"{service}.json"
    assert committed.read_text() == outside.openapi_text(service), "run `python -m services.outside`"


@pytest.mark.parametrize("service", SERVICES)
async def test_every_route_refuses_strangers_and_wrong_roles_before_it_looks_anything_up(service: str) -> None:
    """No database stands behind these applications: an answer other than 401/403 would mean that one was asked."""
    app = outside.application(service)
    async with client(app) as http:
        for method, path, roles, _ in outside.routes(app):
            url = path.replace("{", "").replace("}", "").replace(":path", "").replace("complaint_id", ANYTHING)
            if roles is None:
                continue
            assert roles, f"{method} {path} answers nobody: declare its roles"
            for headers, expected in [
                ({}, 401),
                ({"Authorization": "Bearer nonsense.of.mine"}, 401),
                *((token(role), 403) for role in ROLES if role not in roles),
            ]:
                answer = await http.request(method, url, headers=headers)
                assert answer.status_code == expected, f"{method} {path} {headers and 'wrong role'}: {answer.text}"
                assert answer.headers["content-type"] == "application/problem+json"


def app_with(router: APIRouter) -> FastAPI:
    async def ready() -> str | None:
        return None

    return web_app("test", [router], auth=Authenticator(KEY), ready=ready)


async def test_a_route_without_declared_roles_is_refused_to_everybody() -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> str:
        return "secret"

    @router.get("/open")
    @public
    async def open_() -> str:
        return "hello"

    @router.get("/leads")
    @allow("lead")
    async def leads() -> str:
        return "hello lead"

    async with client(app_with(router)) as http:
        assert (await http.get("/open")).json() == "hello"
        assert (await http.get("/forgotten")).status_code == 401
        for role in ROLES:
            assert (await http.get("/forgotten", headers=token(role))).status_code == 403
            assert (await http.get("/leads", headers=token(role))).status_code == (200 if role == "lead" else 403)


async def test_forged_expired_and_unsigned_tokens_are_nobody() -> None:
    auth = Authenticator(KEY)
    assert await auth.caller(security.issue(KEY, name="ada", role="lead")) == security.Caller(
        "ada", "lead", frozenset()
    )
    assert await auth.caller(security.issue("1" * 32, name="ada", role="lead")) is None
    assert await auth.caller(security.issue(KEY, name="ada", role="lead", days=-1)) is None
    head, _, tail = security.issue(KEY, name="ada", role="lead").split(".")
    assert await auth.caller(f"{head}.{json.dumps({})}.{tail}") is None


async def test_a_body_over_the_limit_is_refused_with_and_without_a_length() -> None:
    router = APIRouter()

    @router.post("/take")
    @public
    async def take(body: dict[str, str]) -> str:
        return body["a"]

    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(30):
            yield b"x" * 100_000

    async with client(app_with(router)) as http:
        assert (await http.post("/take", json={"a": "b"})).json() == "b"
        assert (await http.post("/take", content=b"x" * 3_000_000)).status_code == 413
        assert (await http.post("/take", content=chunks())).status_code == 413
        wrong = await http.post("/take", content=b"{", headers={"content-type": "application/json"})
        assert wrong.status_code == 400
        typed = await http.post("/take", json={"a": {"b": 1}})
        assert typed.status_code == 422
        assert typed.json()["errors"][0]["pointer"] == "/a"
