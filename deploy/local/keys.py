"""The installation's secrets, made once and kept in secrets.json (readable by its owner only)."""

import json
import os
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

SERVICES = ("intake", "routing", "escalation", "notifier")


@dataclass(frozen=True)
class Keys:
    """What only this installation knows."""

    postgres_admin: str
    role_passwords: dict[str, str]
    token_key: str
    deployment_id: str


def keep(run_dir: Path, environ: Mapping[str, str]) -> Keys:
    """Read or make the secrets of `run_dir`. AMENDS_DEPLOYMENT_ID and AMENDS_TOKEN_KEY, when given, win.

    The deployment id goes into every complaint's id and into the database: it must stay the same with its data.
    """
    file = run_dir / "secrets.json"
    try:
        known = Keys(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        known = Keys(
            postgres_admin=secrets.token_urlsafe(24),
            role_passwords={service: secrets.token_urlsafe(24) for service in SERVICES},
            token_key=secrets.token_urlsafe(48),
            deployment_id=f"local-{uuid.uuid4()}",
        )
        write_private(file, json.dumps(asdict(known), indent=1))
    return Keys(
        postgres_admin=known.postgres_admin,
        role_passwords=known.role_passwords,
        token_key=environ.get("AMENDS_TOKEN_KEY") or known.token_key,
        deployment_id=environ.get("AMENDS_DEPLOYMENT_ID") or known.deployment_id,
    )


def write_private(file: Path, text: str) -> None:
    """Replace `file` as a whole; nobody else can read it at any moment."""
    scratch = file.with_name(f".{file.name}.new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    scratch.replace(file)
