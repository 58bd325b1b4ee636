"""Signing in with the house's identity provider: OpenID Connect, authorization code flow with PKCE.

What begins a sign-in (state, nonce, verifier) is signed into a cookie of the browser that began it, for ten minutes.
The provider's answer counts only there, its code is exchanged by us, and its ID token must be signed by a key of its
key set, made out for us, by it, now, and for this very sign-in.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import structlog

from shared.base.security import ALGORITHM, Role

from .settings import Settings

log = structlog.get_logger()
# Signatures only: a token that is not signed, or with a secret that both sides know, is nobody's.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
MINUTES, LEEWAY, TIMEOUT = 10, 60, 5.0
KEYS_FRESH, KEYS_AGAIN = 3600.0, 10.0
_PURPOSE = "amends sign-in"


class Refused(Exception):
    """The provider's answer does not sign anybody in. The reason is for the log and holds nothing personal."""


@dataclass(frozen=True)
class Identity:
    """Whom the provider says it is: `subject` is issuer and subject, with one space between."""

    subject: str
    name: str
    role: Role


@dataclass(frozen=True)
class Begun:
    """A sign-in that was begun: where to send the browser, and the cookie that it brings back."""

    url: str
    cookie: str


class Provider:
    """One identity provider. Its addresses and keys are read when somebody first signs in, and each hour again."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer
        assert settings.desk_url
        self.settings, self.issuer = settings, settings.oidc_issuer
        self.redirect = f"{settings.desk_url.rstrip('/')}/desk/oidc/callback"
        self._key = settings.token_key.get_secret_value()
        self._about: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = -KEYS_FRESH
        self._lock = asyncio.Lock()

    async def begin(self, wanted: str) -> Begun:
        """Where to send the browser. `wanted`: the page to go to afterwards. Raises Refused without the provider."""
        about = await self._discovered()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.settings.oidc_client_id,
            "redirect_uri": self.redirect,
            "scope": self.settings.oidc_scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        kept = {"aud": _PURPOSE, "exp": time.time() + 60 * MINUTES, "state": state, "nonce": nonce, "next": wanted}
        cookie = jwt.encode({**kept, "verifier": verifier}, self._key, algorithm=ALGORITHM)
        address = about["authorization_endpoint"]
        return Begun(f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", cookie)

    async def finish(self, answer: Mapping[str, str], cookie: str) -> tuple[Identity, str]:
        """Whom the provider's answer signs in, and the page that was wanted. Raises Refused."""
        begun = self._begun(cookie)
        if not hmac.compare_digest(answer.get("state", "").encode(), str(begun["state"]).encode()):
            raise Refused("another state")
        if answer.get("error") or not answer.get("code"):
            raise Refused("the provider sent no code")
        if answer.get("iss", self.issuer) != self.issuer:
            raise Refused("another issuer answered")
        token = await self._exchanged(answer["code"], str(begun["verifier"]))
        claims = await self._verified(token, str(begun["nonce"]))
        return self._identity(claims), str(begun["next"])

    def _begun(self, cookie: str) -> dict[str, Any]:
        for key in self.settings.token_keys:
            try:
                found: dict[str, Any] = jwt.decode(cookie, key, algorithms=[ALGORITHM], audience=_PURPOSE)
            except jwt.PyJWTError:
                continue
            return found
        raise Refused("nobody began to sign in here, or too long ago")

    async def _discovered(self) -> dict[str, Any]:
        async with self._lock:
            if time.monotonic() - self._read_at > KEYS_FRESH:
                await self._read()
        return self._about

    async def _read(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT) as client:
                found = await client.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                about = found.raise_for_status().json()
                if about["issuer"] != self.issuer:
                    raise Refused("the provider calls itself another issuer")
                keys = (await client.get(about["jwks_uri"])).raise_for_status().json()["keys"]
            addresses = {name: str(about[name]) for name in ("authorization_endpoint", "token_endpoint")}
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            log.warning("the identity provider cannot be read", error=type(error).__name__)
            raise Refused("the provider cannot be read") from None
        about |= addresses
        self._about, self._keys, self._read_at = about, _usable(keys), time.monotonic()

    async def _exchanged(self, code: str, verifier: str) -> str:
        """The ID token for a code."""
        about, secret = await self._discovered(), self.settings.oidc_client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "client_id": self.settings.oidc_client_id,
            "code_verifier": verifier,
        }
        given: dict[str, Any] = {}
        if secret and "client_secret_post" in about.get("token_endpoint_auth_methods_supported", ()):
            form["client_secret"] = secret.get_secret_value()
        elif secret:
            given["auth"] = (self.settings.oidc_client_id, secret.get_secret_value())
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT) as client:
                answer = await client.post(about["token_endpoint"], data=form, **given)
            token = answer.raise_for_status().json()["id_token"]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            log.warning("the identity provider gave no token", error=type(error).__name__)
            raise Refused("the provider gave no token") from None
        return str(token)

    async def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        try:
            key = await self._signer(jwt.get_unverified_header(token))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.settings.oidc_client_id,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise Refused(f"ID token: {type(error).__name__}") from None
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise Refused("ID token: another nonce")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", "" if several else self.settings.oidc_client_id) != self.settings.oidc_client_id:
            raise Refused("ID token: made out for another client")
        return claims

    async def _signer(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        """The key that a token names; the key set is read again for one that is new. Raises Refused."""
        wanted = str(header.get("kid", ""))
        await self._discovered()
        async with self._lock:
            if wanted not in self._keys and time.monotonic() - self._read_at > KEYS_AGAIN:
                await self._read()
        if not wanted and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if wanted not in self._keys:
            raise Refused("ID token: signed with an unknown key")
        return self._keys[wanted]

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        name = claims.get(self.settings.oidc_name_claim)
        if not isinstance(name, str) or not name:
            raise Refused("ID token: it names nobody")
        groups = _inside(claims, self.settings.oidc_role_claim)
        held = {groups} if isinstance(groups, str) else {g for g in groups or () if isinstance(g, str)}
        role = next((role for group, role in self.settings.oidc_roles.items() if group in held), None)
        if role is None:
            raise Refused("none of the person's groups has a role here")
        return Identity(f"{self.issuer} {claims['sub']}", name, role)


def _usable(keys: Any) -> dict[str, jwt.PyJWK]:
    """Key id → key, of those that sign; what we cannot read is passed over."""
    found = {}
    for given in keys:
        if given.get("use", "sig") != "sig" or given.get("kty") == "oct":
            continue
        try:
            found[str(given.get("kid", ""))] = jwt.PyJWK(given)
        except jwt.PyJWTError:
            continue
    return found


def _inside(claims: Mapping[str, Any], path: str) -> Any:
    """A claim, also inside others: `realm_access.roles`; a name that itself has dots comes first."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
