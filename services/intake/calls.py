"""One call from many messages: they may come in any order, twice, or never. Pure.

`merge` is commutative, associative and idempotent, so the order of arrival cannot matter. `outcome` says what the call
is by what is known so far; a complaint it has become it stays.
"""

from datetime import datetime
from typing import Any, Literal

from . import classify
from .requests import CallIn

CallOutcome = Literal["complaint", "reply", "chase", "question", "abandoned"]

_EARLIEST = ("queued_at", "answered_at", "started_at", "callback_promised_at")
_LATEST = ("ended_at", "transfers")
_TRUE_ONCE = ("abandoned", "recording_consent")


def document(call: CallIn) -> dict[str, Any]:
    """What one message says, as it is kept: times as RFC 3339, absent fields left out."""
    return call.model_dump(mode="json", exclude_none=True, exclude={"call_id"})


def merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What both say together."""
    merged: dict[str, Any] = {}
    for name in one.keys() | other.keys():
        values = [d[name] for d in (one, other) if d.get(name) is not None]
        if not values:
            continue
        merged[name] = merge(values[0], values[-1]) if name == "caller" else _choose(name, values)
    return merged


def _choose(name: str, values: list[Any]) -> Any:
    if name in _EARLIEST:
        return min(values)
    if name in _LATEST:
        return max(values)
    if name in _TRUE_ONCE:
        return any(values)
    # The fuller text, and of two that are equally long always the same one.
    return max(values, key=lambda text: (len(text), text))


def waited(call: dict[str, Any]) -> int | None:
    """How many seconds the caller waited, as it was measured: from the queue to the answer, or to giving up."""
    begun = call.get("queued_at", call.get("started_at"))
    ended = call.get("answered_at") or (call.get("ended_at") if call.get("abandoned") else None)
    if not begun or not ended:
        return None
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()
    return int(seconds) if 0 <= seconds < 86_400 else None


def words(call: dict[str, Any]) -> str:
    """What was said: the agent's notes and the transcript."""
    return "\n\n".join(part for name in ("notes", "transcript") if (part := call.get(name, "").strip()))


def outcome(call: dict[str, Any], *, about_open: bool | None) -> CallOutcome:
    """What the call is. `about_open`: whether the complaint that its caller named is open; None when it named none."""
    said = words(call)
    if about_open is not None:
        return "chase" if about_open and (not said or classify.is_chase(said)) else "reply"
    if call.get("abandoned") and not said:
        return "abandoned"
    return "complaint" if not said or classify.kind_of(said) == "complaint" else "question"


def settled(call: dict[str, Any], result: CallOutcome) -> bool:
    """Whether enough is known to tell the other services: words, or that there is nothing to come."""
    return bool(words(call)) or result in ("chase", "abandoned")


def kind(said: str) -> Literal["question", "praise", "suggestion"]:
    """What a call without a complaint in it is."""
    found = classify.kind_of(said)
    return "question" if found == "complaint" else found
