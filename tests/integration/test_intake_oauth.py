"""Mailboxes that take tokens and no passwords: a real Dovecot that asks a token service whose a token is."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from uuid import uuid4

import pytest

from deploy.local.ports import LOOPBACK, Ports
from services.intake.imap import address
from services.intake.oauth import ClientCredentials
from tests.integration.test_intake import running
from tests.integration.test_intake_mailboxes import decided, mail
from tests.support.dovecot import Dovecot
from tests.support.servers import Database

CLIENT, SECRET = "amends", "s3cret&more"


class TokenService(BaseHTTPRequestHandler):
    """Gives each token once asked for by the one client, and says whose it is."""

    given: dict[str, str] = {}

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if (asked["client_id"], asked["client_secret"], asked["grant_type"]) != (
            [CLIENT], [SECRET], ["client_credentials"],
        ):  # fmt: skip
            self._answer(401, {"error": "invalid_client"})
            return
        token = f"token-{uuid4().hex}"
        self.given[token] = asked["scope"][0]
        self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def do_GET(self) -> None:
        token = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
        whose = self.given.get(token)
        self._answer(200, {"active": True, "username": whose} if whose else {"active": False})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def tokens() -> Iterator[str]:
    server = ThreadingHTTPServer((LOOPBACK, 0), TokenService)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{LOOPBACK}:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["oauthbearer", "xoauth2"])
def dovecot(request: pytest.FixtureRequest, server_folder: Path, server_ports: Ports, tokens: str) -> Iterator[Dovecot]:
    port = server_ports.get(f"imap {request.param}")
    room = server_folder / f"dovecot-{request.param}"
    server = Dovecot(room, port, introspection=f"{tokens}/?token=", mechanism=request.param)
    server.start()
    yield server
    server.stop()


async def test_a_mailbox_is_opened_with_a_token_of_the_service_and_with_one_from_a_file(
    dovecot: Dovecot, tokens: str, database: Callable[..., Database], tmp_path: Path
) -> None:
    ada, bea = f"ada{uuid4().hex[:8]}", f"bea{uuid4().hex[:8]}"
    for user in (ada, bea):
        dovecot.deliver(user, mail(f"for {user}"))
    service = urlencode(
        {"token_url": f"{tokens}/token", "client_id": CLIENT, "client_secret": SECRET, "scope": ada}, quote_via=quote
    )
    file = tmp_path / "token"
    file.write_text(ClientCredentials(f"{tokens}/token", CLIENT, SECRET, bea).fetch() + "\n")
    where = f"{LOOPBACK}:{dovecot.port}/INBOX"
    boxes = [f"imap://{ada}@{where}?{service}", f"imap://{bea}@{where}?token_file={file}"]
    async with running(database(), mailboxes=boxes) as intake:
        await decided(intake, 2)
    assert (dovecot.unseen(ada), dovecot.unseen(bea)) == (0, 0)


@pytest.mark.parametrize("secret", ["wrong", ""])
def test_without_a_token_there_is_one_error_that_names_no_secret(tokens: str, secret: str) -> None:
    with pytest.raises(OSError, match="no token") as refused:
        ClientCredentials(f"{tokens}/token", CLIENT, secret or "x", "ada").fetch()
    assert "client_secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("imaps://ada@mail.example/?token_url=http://login.example/token&client_id=a&client_secret=b", "https"),
        ("imaps://ada@mail.example/?token_url=https://login.example/token", "client_id"),
        ("imaps://ada@mail.example/", "password"),
    ],
)
def test_an_address_that_lacks_something_is_refused(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        address(url)


def test_no_secret_is_shown() -> None:
    where = address("imaps://ada@m.example/?token_url=https://l.example/t&client_id=a&client_secret=geheim")
    assert "geheim" not in repr(where)
