"""How the four services and the `amends` command are started: their environment and nothing else."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from deploy.local.keys import SERVICES, Keys
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.processes import ROOT, Child, checked, run

AMENDS = Path(sys.executable).with_name("amends")


@dataclass(frozen=True)
class Surroundings:
    """What every service of one stack is told."""

    environ: Mapping[str, str]
    keys: Keys
    ports: Ports
    admin_url: str
    kafka_bootstrap: str
    smtp_url: str

    def url(self, process: str) -> str:
        """The HTTP address of a service, or of one of its replicas."""
        return f"http://{LOOPBACK}:{self.ports.get(process)}"

    def database_url(self, service: str) -> str:
        """The admin's address with the service's own role in place of the admin."""
        return database_url(self.admin_url, service, self.keys)

    def for_process(self, process: str, service: str) -> dict[str, str]:
        """The environment of a replica of a service."""
        own = self.for_command(service) | {
            "AMENDS_HTTP_HOST": LOOPBACK,
            "AMENDS_HTTP_PORT": str(self.ports.get(process)),
        }
        others = {f"AMENDS_{other.upper()}_URL": self.url(other) for other in SERVICES if other != service}
        if service == "notifier":
            own["AMENDS_SMTP_URL"] = self.smtp_url
        if process == "intake":
            own |= {"AMENDS_LMTP_HOST": LOOPBACK, "AMENDS_LMTP_PORT": str(self.ports.get("lmtp"))}
        return own | others

    def for_migrate(self) -> dict[str, str]:
        """The environment of `amends migrate`."""
        return self._common() | {
            "AMENDS_DATABASE_URL": self.admin_url,
            "AMENDS_ROLE_PASSWORDS": json.dumps(self.keys.role_passwords),
        }

    def for_command(self, service: str) -> dict[str, str]:
        """The environment of an `amends` command that speaks for `service`."""
        return self._common() | {"AMENDS_DATABASE_URL": self.database_url(service)}

    def _common(self) -> dict[str, str]:
        return {
            **self.environ,
            "AMENDS_DEPLOYMENT_ID": self.keys.deployment_id,
            "AMENDS_TOKEN_KEY": self.keys.token_key,
            "AMENDS_KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "AMENDS_PUBLIC_URL": self.environ.get("AMENDS_PUBLIC_URL") or self.url("intake"),
            "AMENDS_DESK_URL": self.environ.get("AMENDS_DESK_URL") or self.url("routing"),
            "AMENDS_LOG_FORMAT": self.environ.get("AMENDS_LOG_FORMAT") or "json",
            "PYTHONPATH": str(ROOT),
        }


class Service:
    """One replica of one service as a process."""

    def __init__(
        self, process: str, service: str, surroundings: Surroundings, log: Path, extra_env: Mapping[str, str],
        command: Sequence[str] | None,
    ) -> None:  # fmt: skip
        """`extra_env` is read at each launch; `command` replaces `python -m services.<service>`."""
        self._surroundings = surroundings
        self._process = process
        self._service = service
        self._extra_env = extra_env
        self.child = Child(process, command or [sys.executable, "-m", f"services.{service}"], log)

    def launch(self) -> None:
        """Start the process."""
        self.child.env = self._surroundings.for_process(self._process, self._service) | dict(self._extra_env)
        self.child.start()

    def wait_ready(self) -> None:
        """Wait for the readiness probe. Raises StackError."""
        self.child.wait_ready(lambda: _is_ready(self._surroundings.url(self._process)), poll=0.1)


def database_url(admin_url: str, service: str, secrets: Keys) -> str:
    """`admin_url` with the role and password of `service` in place of the administrator's."""
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    password = quote(secrets.role_passwords[service], safe="")
    return urlunsplit(parts._replace(netloc=f"amends_{service}:{password}@{host}"))


def amends(arguments: Sequence[str], env: Mapping[str, str], given: str = "") -> str:
    """Run `amends …` and give what it printed; `given` is its input. Raises StackError with its last line."""
    return checked(f"`amends {' '.join(arguments[:2])}`", run([str(AMENDS), *arguments], env=env, given=given))


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
