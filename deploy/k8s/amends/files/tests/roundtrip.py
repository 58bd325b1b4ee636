"""`helm test`: a probe complaint goes in through intake's Service, and its acknowledgement goes out by mail.

Arguments: intake's and notifier's address, the mailbox, seconds to wait. AMENDS_TOKEN_KEY signs the tokens.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

from shared.base.security import issue

# A new pod's first connections may be refused until every node's network policies know it.
PATIENCE = 30
STARTED = time.monotonic()
KEY = f"helm-test-{uuid.uuid4()}"


def call(url: str, *, role: Any, body: dict[str, Any] | None = None) -> Any:
    """The JSON answer of a call as a person or service of `role`. Raises OSError for a refusal."""
    while True:
        try:
            return _call(url, role, body)
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() - STARTED > PATIENCE:
                raise
            time.sleep(0.5)


def _call(url: str, role: Any, body: dict[str, Any] | None) -> Any:
    token = issue(
        os.environ["AMENDS_TOKEN_KEY"], name="helm-test", role=role, scopes=["complaints", "probe"], days=0.05
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if body is not None:
        headers["Idempotency-Key"] = KEY
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return json.load(answer)


def until_sent(notifier: str, complaint: str, seconds: float) -> float:
    """Wait for the acknowledgement; gives the seconds it took. Raises TimeoutError with what there is instead."""
    started = time.monotonic()
    letters: list[dict[str, Any]] = []
    while time.monotonic() - started < seconds:
        letters = call(f"{notifier}/v1/complaints/{complaint}/letters", role="auditor")
        if any(letter["kind"] == "acknowledgement" and letter["state"] == "sent" for letter in letters):
            return time.monotonic() - started
        time.sleep(0.5)
    states = ", ".join(f"{at['kind']} {at['state']} {at['reason'] or ''}".strip() for at in letters) or "no letter"
    raise TimeoutError(f"after {seconds:g} s: {states}")


def main(intake: str, notifier: str, mailbox: str, seconds: str) -> None:
    """Exit 0 when the letter is out in time."""
    accepted = call(
        f"{intake}/v1/complaints",
        role="service",
        body={
            "channel": "web",
            "customer": {"name": "Probe", "email": mailbox, "language": "en"},
            "subject": "Probe of the installation",
            "text": "The kettle that I bought on Monday does not switch off. Please repair it.",
            "probe": "pipeline",
        },
    )
    print(f"accepted as {accepted['reference']}")
    took = until_sent(notifier, accepted["complaint_id"], float(seconds))
    print(f"acknowledged by mail to {mailbox} after {took:.1f} s")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as failure:
        sys.exit(f"complaint-roundtrip: {failure}")
