"""The mail catcher seen from outside: start it, read what it caught."""

import sys
from pathlib import Path
from typing import Any

import httpx

from deploy.local.ports import LOOPBACK, Ports
from deploy.local.processes import Child


class Catcher:
    """One mail catcher whose mails live below `run_dir`."""

    def __init__(self, run_dir: Path, ports: Ports) -> None:
        self._store = run_dir / "mails.sqlite"
        self._ports = ports
        self.child = Child("mail", [], run_dir / "logs" / "mail.log")

    def launch(self) -> None:
        """Start the process."""
        self.child.argv = [
            sys.executable, "-m", "deploy.local.mail", "--store", str(self._store),
            "--smtp-port", str(self.smtp_port), "--http-port", str(self._ports.get("mail")),
        ]  # fmt: skip
        self.child.start()

    def wait_ready(self) -> None:
        """Wait until it takes mails and shows them. Raises StackError."""
        self.child.wait_ready(self._is_ready)

    @property
    def smtp_port(self) -> int:
        """The SMTP port on loopback."""
        return self._ports.get("smtp")

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{LOOPBACK}:{self._ports.get('mail')}"

    def messages(self, *, after: int = 0, brief: bool = False) -> list[dict[str, Any]]:
        """The caught mails, oldest first, as in page.describe."""
        answer = httpx.get(f"{self.url}/api/messages", params={"after": after, "brief": int(brief)}, timeout=60)
        answer.raise_for_status()
        return list(answer.json())

    def clear(self) -> None:
        """Forget all mails."""
        httpx.delete(f"{self.url}/api/messages", timeout=10).raise_for_status()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/messages", params={"limit": 0}, timeout=2).status_code == 200
        except httpx.TransportError:
            return False
