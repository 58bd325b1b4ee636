"""Reads the sample files and moves their dates to the day of the run.

Strings may hold `{zh:-6}` (6月3日), `{en:-6}` (3 June), `{iso:-6}` (2026-06-03) for days before or after today,
with `w` behind the number for the next weekday (`{iso:+6w}`), and `{time:-420}` for seconds before now (RFC 3339).
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

FILES = ("cfpb", "zh", "en", "other")
SAMPLES = Path(__file__).resolve().parents[3] / "samples"
_PLACE = re.compile(r"\{(zh|en|iso|time):([+-]?\d+)(w?)\}")
_MONTHS = "January February March April May June July August September October November December"


def moved(value: Any, now: datetime) -> Any:
    """The same JSON value with every placeholder in its strings replaced, seen from `now` (UTC)."""
    if isinstance(value, str):
        return _PLACE.sub(lambda found: _written(found, now), value)
    if isinstance(value, list):
        return [moved(item, now) for item in value]
    if isinstance(value, dict):
        return {key: moved(item, now) for key, item in value.items()}
    return value


def _written(found: re.Match[str], now: datetime) -> str:
    style, offset, weekday = found[1], int(found[2]), found[3]
    if style == "time":
        return (now + timedelta(seconds=offset)).isoformat(timespec="seconds").replace("+00:00", "Z")
    day = now.date() + timedelta(days=offset)
    while weekday and day.weekday() > 4:
        day += timedelta(days=1)
    if style == "zh":
        return f"{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS.split()[day.month - 1]}" if style == "en" else day.isoformat()


def records(name: str, now: datetime | None = None) -> list[dict[str, Any]]:
    """The records `{id, source, send: web|hotline, body}` of `samples/<name>.jsonl`, dates moved to `now`."""
    lines = (SAMPLES / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [moved(json.loads(line), now or datetime.now(UTC)) for line in lines]


def decisions(now: datetime | None = None) -> dict[str, Any]:
    """Record id → the `decide` body of `samples/decisions.yaml`, dates moved to `now`."""
    return dict(moved(yaml.safe_load((SAMPLES / "decisions.yaml").read_text("utf-8")), now or datetime.now(UTC)))


def emails() -> Iterator[tuple[str, bytes]]:
    """File name and untouched bytes of every raw e-mail, in the order of their names."""
    for path in sorted((SAMPLES / "emails").glob("*.eml")):
        yield path.name, path.read_bytes()


def stamped(raw: bytes, gateway: str, now: datetime | None = None) -> bytes:
    """The mail as the company's gateway hands it on: with the gateway's fresh `Received` header on top."""
    end = b"\r\n" if b"\r\n" in raw else b"\n"
    lines = (
        "Received: from mx.example.net (mx.example.net [192.0.2.10])",
        f"\tby {gateway} with ESMTPS id {uuid4().hex[:12]};",
        f"\t{format_datetime(now or datetime.now(UTC))}",
    )
    return end.join(line.encode("ascii") for line in lines) + end + raw
