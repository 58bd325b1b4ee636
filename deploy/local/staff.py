"""Who handles the sample complaints of `make run`: the demo's staff, entered and on shift."""

import httpx

from deploy.local.console import StackError
from deploy.local.demo.handlers import STAFF
from deploy.local.people import PEOPLE
from deploy.local.stack import Stack


def come_on_shift(stack: Stack) -> None:
    """Enter everybody as the manager does, and let each handler be available. Raises StackError."""
    handlers = [name for name in STAFF if name not in PEOPLE]
    stack.book.provide(dict.fromkeys(handlers, "handler"), {})
    with httpx.Client(base_url=stack.urls["routing"], timeout=15) as routing:
        for name, entry in STAFF.items():
            _put(routing, stack, "manager", f"/v1/handlers/{name}", entry)
        for name in handlers:
            _put(routing, stack, "manager", f"/v1/handlers/{name}/lead", {"lead": "lead"})
            _put(routing, stack, name, f"/v1/handlers/{name}/presence", {"presence": "available"})


def _put(routing: httpx.Client, stack: Stack, who: str, path: str, body: dict[str, object]) -> None:
    answer = routing.put(path, json=body, headers={"Authorization": f"Bearer {stack.tokens[who]['token']}"})
    if not answer.is_success:
        raise StackError(f"PUT {path} was answered {answer.status_code}: {answer.text[:200]}")
