"""Identity providers for tests: one as a process of its own, and one that forges what it is told to."""

import asyncio
import base64
import hashlib
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from jwt.algorithms import RSAAlgorithm
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tests.support.browser import served


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _started(port: int) -> "subprocess.Popen[bytes]":
    program = str(Path(sys.executable).with_name("oidc-provider-mock"))
    command = [sys.executable, "-W", "ignore", program, "--port", str(port), "--require-nonce", "true"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@asynccontextmanager
async def independent_provider() -> AsyncIterator[str]:
    """The address of an OpenID provider that somebody else wrote, as a process."""
    port = _free_port()
    process = _started(port)
    url = f"http://localhost:{port}"
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            for _ in range(300):
                try:
                    if (await client.get(f"{url}/.well-known/openid-configuration")).is_success:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _key(name: str) -> tuple[Any, dict[str, Any]]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return private, {**public, "kid": name, "use": "sig", "alg": "RS256"}


@dataclass
class Forger:
    """A provider that insists on PKCE and the client's secret, and signs what `claims`, `header` and `signer` say.

    Without them everything is right. A code is good once.
    """

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    signer: str = "own"
    groups: tuple[str, ...] = ("complaints-leads",)
    name: str = "lena"
    subject: str = "subject-1"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.private, self.public = _key("k1")
        self.others, _ = _key("k1")

    def rotate(self) -> None:
        """Sign with another key from now on, as providers do now and then."""
        self.private, self.public = _key("k2")

    def about(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    async def agree(self, location: str) -> str:
        """What the person's browser is sent back to, once the person has agreed."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked: dict[str, str]) -> str:
        now = time.time()
        claims: dict[str, Any] = {
            "iss": self.issuer, "sub": self.subject, "aud": asked["client_id"], "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], "preferred_username": self.name, "groups": list(self.groups),
        }  # fmt: skip
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        header = {"kid": self.public["kid"], **self.header}
        if self.signer == "nobody":
            return jwt.encode(claims, None, algorithm="none", headers=header)
        if self.signer == "shared secret":
            return jwt.encode(claims, "s" * 40, algorithm="HS256", headers=header)
        key = self.others if self.signer == "somebody else" else self.private
        return jwt.encode(claims, key, algorithm="RS256", headers=header)

    async def exchange(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        login = base64.b64encode(b"desk:" + b"s" * 40).decode()
        good = (
            asked is not None
            and challenge.rstrip(b"=").decode() == asked["code_challenge"]
            and form["redirect_uri"] == asked["redirect_uri"]
            and request.headers.get("authorization") == f"Basic {login}"
        )
        if not good or asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self.token(asked)})


@asynccontextmanager
async def forging_provider() -> AsyncIterator[Forger]:
    """A forger at work, over real HTTP."""
    forger, app = Forger(), FastAPI()

    @app.get("/.well-known/openid-configuration")
    async def about() -> dict[str, Any]:
        return forger.about()

    @app.get("/keys")
    async def keys() -> dict[str, Any]:
        return {"keys": [forger.public]}

    @app.get("/authorize")
    async def authorize(request: Request) -> Response:
        return RedirectResponse(await forger.agree(str(request.url)), 303)

    app.add_route("/token", forger.exchange, methods=["POST"])
    async with served(app) as url:
        forger.issuer = url
        yield forger
