"""The explanation of a matching in words that a handler, a lead or an auditor can read, Chinese and English."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .model import Handler

_LANGUAGE = {"zh": {"zh": "中文", "en": "Chinese"}, "en": {"zh": "英文", "en": "English"}}
_PRESENCE = {
    "on_call": ("通话中", "on a call"),
    "wrap_up": ("整理中", "wrapping up"),
    "break": ("休息", "on a break"),
    "away": ("离开", "away"),
}
_OUTCOME = {
    "offered": ("已派给", "Offered to"),
    "matched": ("已分给", "Given to"),
    "unroutable": ("没有人能接", "Nobody can take it"),
    "waiting": ("等待中", "Waiting"),
}
_LACKING = {
    "busy": ("合适的人手上都满了", "everybody who fits has as many cases as he may have"),
    "absent": ("合适的人现在都不在", "nobody who fits is there now"),
    "nobody": ("没有合适的人", "nobody on the staff fits"),
}


def reason(code: str, handler: Handler | None) -> dict[str, str]:
    """One reason code of a refusal in both languages; times and numbers are the handler's present ones."""
    kind, _, rest = code.partition(":")
    if kind == "language":
        names = _LANGUAGE.get(rest, {"zh": rest, "en": rest})
        return {"zh": f"不说{names['zh']}", "en": f"does not speak {names['en']}"}
    if kind == "tier":
        return {"zh": f"不接“{rest}”级客户", "en": f"does not serve the tier {rest}"}
    if kind == "skill":
        skill, _, least = rest.partition(":")
        has = handler.skills.get(skill, 0) if handler else 0
        return {"zh": f"{skill} 需 ≥ {least}，现为 {has}", "en": f"needs {skill} ≥ {least}, has {has}"}
    if kind == "presence":
        zh, en = _PRESENCE.get(rest, (rest, rest))
        since = handler.presence_since.strftime("%H:%M") if handler and handler.presence_since else ""
        return {"zh": zh + (f"（自 {since}）" if since else ""), "en": en + (f" since {since}" if since else "")}
    if kind == "authority":
        currency, _, level = rest.partition(":")
        limit = handler.authority.get(currency, "0") if handler else "0"
        zh, en = (f"≥ {level} {currency}", f"{level} {currency}") if level else ("无上限", "any amount")
        return {"zh": f"审批权限需 {zh}，现为 {limit}", "en": f"needs authority for {en}, has {limit}"}
    known = {
        "room": {
            "zh": f"此案占 {rest} 个名额，余下的不够",
            "en": f"has less room than the {rest} places that the case takes",
        },
        "held": {"zh": "名额留给前面占位更多的案件", "en": "keeps room for a heavier case that came first"},
        "holiday": {"zh": "当地放假", "en": "has a public holiday"},
        "off_shift": {"zh": "不在班", "en": "off shift"},
        "full": {"zh": "名额已满", "en": "has no free place"},
        "deciding": {"zh": "还有派件没有答复", "en": "has other offers to answer first"},
        "excluded": {"zh": "此案不再派给此人", "en": "declined it, let it expire, or worked on it before"},
    }
    return known.get(kind, {"zh": code, "en": code})


def chosen_because(
    candidate: Mapping[str, Any],
    handler: Handler | None,
    skills: list[tuple[str, int]],
    language: str,
    met: datetime | None,
    relaxed: str,
) -> dict[str, str]:
    """Why the chosen one was chosen, in both languages. `met`: when he was given the customer's last case, if he knows
    the customer; `relaxed`: what the step that let him in gave up."""
    names = _LANGUAGE.get(language, {"zh": language, "en": language})
    abilities = ", ".join(f"{s} {handler.skills.get(s, 0)}" for s, _ in skills) if handler else ""
    zh = [
        f"会{names['zh']}",
        *([abilities] if abilities else []),
        f"手上 {candidate['load']}/{candidate['capacity']} 件",
    ]
    en = [
        f"speaks {names['en']}",
        *([abilities] if abilities else []),
        f"{candidate['load']} of {candidate['capacity']} cases",
    ]
    if met:
        zh.append(f"熟悉这位客户（{met.year} 年 {met.month} 月接手过）")
        en.append(f"knows the customer since {met:%B %Y}")
    else:
        zh.append("可接种类最少者优先")
        en.append("the least flexible who fits goes first")
    if candidate["step"]:
        zh.append(f"要求已放宽到第 {candidate['step']} 步（{relaxed}）")
        en.append(f"requirements relaxed to step {candidate['step']} ({relaxed})")
    return {"zh": "，".join(zh), "en": ", ".join(en)}


def document(
    kept: Mapping[str, Any],
    *,
    outcome: str,
    at: datetime,
    staff: Mapping[str, Handler],
    skills: list[tuple[str, int]],
    language: str,
    relaxation: Sequence[str] = (),
) -> dict[str, Any]:
    """Every candidate with verdict, reasons and scores, and one sentence that sums it up.

    `relaxation`: what each step gives up, in words.

    Scores of a fitting handler: `step`, `flexibility`, `load`/`capacity`, `idle_since`; lower, then longer idle, wins.
    """
    last, met = _known(kept)
    stranger: dict[str, str] | None = None
    candidates: list[dict[str, Any]] = []
    because: dict[str, str] | None = None
    for handler_id, step, flexibility, load, capacity, idle_since in kept["fitting"]:
        found = {
            "handler": handler_id, "name": _name(staff, handler_id), "verdict": "fits", "step": step,
            "flexibility": flexibility, "load": load, "capacity": capacity, "idle_since": _moment(idle_since),
        }  # fmt: skip
        if handler_id == kept["chosen"]:
            found["verdict"] = "chosen"
            relaxed = relaxation[step - 1] if 0 < step <= len(relaxation) else ""
            known_since = met if handler_id == last else None
            found["words"] = because = chosen_because(
                found, staff.get(handler_id), skills, language, known_since, relaxed
            )
        elif handler_id == last and kept["chosen"]:
            stranger = {"zh": f"手上已有 {load}/{capacity} 件", "en": f"has {load} of {capacity} cases already"}
        candidates.append(found)
    for code, ids in kept["refused"].items():
        for handler_id in ids:
            words = reason(code, staff.get(handler_id))
            if handler_id == last:
                stranger = words
            name = _name(staff, handler_id)
            candidates.append(
                {"handler": handler_id, "name": name, "verdict": "refused", "reason": code, "words": words}
            )
    return {
        "outcome": outcome,
        "at": at,
        "step": kept["step"],
        "required": {"language": language, "skills": dict(skills)},
        "chosen": kept["chosen"],
        "words": _sum_up(kept, outcome, because, staff, stranger),
        "candidates": candidates,
    }


def _known(kept: Mapping[str, Any]) -> tuple[str | None, datetime | None]:
    """Who had the customer's last case, and when he was given it."""
    last, at = kept.get("last") or (None, None)
    return last, datetime.fromisoformat(at) if isinstance(at, str) else at


def _sum_up(
    kept: Mapping[str, Any],
    outcome: str,
    because: dict[str, str] | None,
    staff: Mapping[str, Handler],
    stranger: dict[str, str] | None,
) -> dict[str, str]:
    zh, en = _OUTCOME.get(outcome, (outcome, outcome))
    if kept["chosen"] and because:
        name = _name(staff, kept["chosen"])
        zh, en = f"{zh}{name}：{because['zh']}", f"{en} {name}: {because['en']}"
        if stranger and kept["last"][0] != kept["chosen"]:
            other = _name(staff, kept["last"][0])
            zh += f"；没有派给熟悉客户的{other}：{stranger['zh']}"
            en += f"; not {other}, who knows the customer: {stranger['en']}"
        return {"zh": f"{zh}。", "en": f"{en}."}
    lack_zh, lack_en = _LACKING.get(kept.get("lacking") or "", ("", ""))
    return {"zh": f"{zh}：{lack_zh}。" if lack_zh else f"{zh}。", "en": f"{en}: {lack_en}."}


def _moment(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def _name(staff: Mapping[str, Handler], handler_id: str) -> str:
    return staff[handler_id].name if handler_id in staff else handler_id
