"""The published promise, in plain words, from the policy in force. Pure.

Escalation publishes its packs over HTTP; here the rules that hold for everybody become sentences. What a pack leaves
out is left out here too: nothing is promised on this page that no clock watches.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The clocks that a customer feels, in the order in which they run: kind → sentence.
SENTENCES: Mapping[str, tuple[str, str]] = {
    "acknowledgement": (
        "{limit}内，我们书面确认收到您的投诉，并告诉您答复日期。",
        "Within {limit} we confirm in writing that we have your complaint, and name the date of our answer.",
    ),
    "first_response": (
        "{limit}内，负责您投诉的人会亲自与您联系。",
        "Within {limit} the person who looks after it speaks or writes to you.",
    ),
    "next_update": (
        "在答复之前，至少每{limit}告诉您一次进展。",
        "Until you have our answer, you hear from us at least every {limit}.",
    ),
    "decision": (
        "{limit}内，我们给您有理由的书面答复。",
        "Within {limit} you have our answer in writing, with its reasons.",
    ),
    "final_response": (
        "无论如何，{limit}内您会得到最终答复。",
        "In any case you have our final answer within {limit}.",
    ),
    "callback": ("约好的回电，我们按约定的时间打。", "When we promise to call, we call at that time."),
    "remedy": ("答应为您做的事，我们按写明的日期办妥。", "What we agree to do is done by the date in our letter."),
    "reopened": (
        "如果问题没有解决，我们在{limit}内重新处理并答复。",
        "If it is not solved after all, we look at it again and answer within {limit}.",
    ),
    "enquiry": ("", ""),
}
_UNITS: Mapping[str, tuple[str, str, str]] = {
    "s": ("{n}秒", "{n} second", "{n} seconds"),
    "min": ("{n}分钟", "{n} minute", "{n} minutes"),
    "bmin": ("{n}分钟（工作时间）", "{n} working minute", "{n} working minutes"),
    "h": ("{n}小时", "{n} hour", "{n} hours"),
    "bh": ("{n}个工作小时", "{n} working hour", "{n} working hours"),
    "wd": ("{n}个工作日", "{n} working day", "{n} working days"),
    "cd": ("{n}天", "{n} day", "{n} days"),
    "w": ("{n}周", "{n} week", "{n} weeks"),
    "mo": ("{n}个月", "{n} month", "{n} months"),
}
_LIMIT = re.compile(r"(\d+)(s|min|bmin|h|bh|wd|cd|w|mo)")


@dataclass(frozen=True, slots=True)
class Promise:
    """What the page shows: sentences, and from which policy they come. Without sentences no policy could be read."""

    sentences: tuple[str, ...] = ()
    title: str = ""
    version: int | None = None
    since: str = ""
    notice: str = ""


def limit(text: str, language: str) -> str | None:
    """`3wd` as people say it: three working days; None for what is no limit of ours."""
    found = _LIMIT.fullmatch(text.strip())
    if not found:
        return None
    number, (zh, one, many) = int(found[1]), _UNITS[found[2]]
    return (zh if language == "zh" else one if number == 1 else many).format(n=number)


def _of_the_house(packs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest version of each active pack of the house."""
    newest: dict[str, Mapping[str, Any]] = {}
    for pack in packs:
        ours = pack.get("active", True) and not pack.get("legal")
        if ours and pack["version"] > newest.get(pack["pack"], {"version": 0})["version"]:
            newest[pack["pack"]] = pack
    return list(newest.values())


def reopen_days(packs: Sequence[Mapping[str, Any]]) -> int | None:
    """So many days after its end a customer may open a complaint again; None: no policy says so."""
    return max((p["reopen_days"] for p in _of_the_house(packs) if p.get("reopen_days") is not None), default=None)


def promise(packs: Sequence[Mapping[str, Any]], language: str) -> Promise:
    """The promise to everybody: the newest version of each active house pack, its rules without a condition."""
    for pack in _of_the_house(packs):
        if told := _sentences(pack["clocks"], language):
            since = str(pack.get("in_force_from") or pack.get("created_at") or "")[:10]
            return Promise(told, pack["title"], pack["version"], since, pack.get("notice") or "")
    return Promise()


def _sentences(clocks: Sequence[Mapping[str, Any]], language: str) -> tuple[str, ...]:
    general = {c["clock"]: c.get("limit") for c in clocks if not c.get("when")}
    told = []
    for kind, pair in SENTENCES.items():
        words = pair[0] if language == "zh" else pair[1]
        if kind not in general or not words:
            continue
        said = limit(str(general[kind] or ""), language)
        if "{limit}" not in words or said:
            told.append(words.format(limit=said))
    return tuple(told)
