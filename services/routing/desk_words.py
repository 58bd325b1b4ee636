"""The desk's words in Chinese and English: labels, states, history lines, lengths of time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from . import desk_names as names

STATES = {
    "received": ("已收到", "received"),
    "triaged": ("已分类", "triaged"),
    "waiting": ("排队中", "waiting"),
    "offered": ("待接", "offered"),
    "assigned": ("处理中", "in work"),
    "waiting_customer": ("等客户", "waits for the customer"),
    "waiting_enquiry": ("等部门", "waits for an enquiry"),
    "decided": ("已决定", "decided"),
    "communicated": ("已告知", "communicated"),
    "resolved": ("已解决", "resolved"),
    "disputed": ("有异议", "disputed"),
    "stage2": ("二次处理", "second stage"),
    "final": ("最终答复", "final answer given"),
    "reopened": ("已重开", "reopened"),
    "closed": ("已结案", "closed"),
    "withdrawn": ("已撤回", "withdrawn"),
    "referred_outside": ("外部处理", "with an outside body"),
}
CAUSES = {
    "C1_product_quality": ("商品质量", "product quality"),
    "C2_repair_quality": ("售后维修质量", "repair quality"),
    "C3_network_defect": ("网络缺陷", "network defect"),
    "C4_agent_error": ("客服工作失误", "our agent's error"),
    "C5_staff_service": ("店员服务", "staff service"),
    "C6_policy_disagreement": ("对规定有异议", "disagrees with a policy"),
    "C7_beyond_own_standard": ("超出企业标准", "beyond our own standard"),
    "C8_measuring_gap": ("衡量尺度不同", "measured differently"),
    "C9_unmet_excessive": ("过高要求", "an excessive request"),
    "unknown": ("待人工判断", "for a person to judge"),
}
TIERS = {"top": ("贵宾", "top"), "high": ("高级", "high"), "middle": ("中级", "middle"), "low": ("普通", "low")}
HISTORY = {
    "received": ("收到投诉", "Received"),
    "triaged": ("分类：{cause}，{severity}，队列 {queue}", "Triaged: {cause}, {severity}, queue {queue}"),
    "assigned": ("分给 {handler}", "Given to {handler}"),
    "offered": ("派给 {handler}", "Offered to {handler}"),
    "offer_declined": ("{handler} 没有接：{reason}", "{handler} declined: {reason}"),
    "offer_expired": ("{handler} 超时未接", "{handler} did not answer in time"),
    "transferred": ("由 {before} 转交 {handler}{queue}：{reason}", "From {before} to {handler}{queue}: {reason}"),
    "relaxed": ("放宽要求（{reason}）：{dropped}", "Requirements relaxed ({reason}): {dropped}"),
    "unroutable": ("没有人能接：{reasons}", "Nobody can take it: {reasons}"),
    "contact": ("联系：{outcome}。{summary}", "Contact: {outcome}. {summary}"),
    "enquiry": ("询问 {to}：{question}", "Asked {to}: {question}"),
    "enquiry_answered": ("{to} 答复：{answer}", "{to} answered: {answer}"),
    "asked": ("请客户补充：{text}", "Asked the customer: {text}"),
    "reply": ("写给客户：{text}", "Wrote to the customer: {text}"),
    "note": ("备注：{text}", "Note: {text}"),
    "attachment": ("附件 {name}", "File {name}"),
    "lead_called": ("请主管协助：{reason}", "Called the lead: {reason}"),
    "decided": ("决定：{overall}", "Decided: {overall}"),
    "remedy_done": ("补救 {remedy_id} 已办理：{evidence}", "Remedy {remedy_id} carried out: {evidence}"),
    "resolved": ("全部办妥", "Everything is done"),
    "reopened": ("重新打开（第 {count} 次）：{reason}", "Reopened ({count}): {reason}"),
    "closed": ("结案：{reason}", "Closed: {reason}"),
    "external": ("转 {body}", "Referred to {body}"),
    "withdrawn": ("客户撤回：{text}", "The customer withdrew: {text}"),
    "customer_replied": ("客户来信：{text}", "The customer wrote: {text}"),
    "unknown_sender": ("来信地址 {address} 没有登记", "It came from {address}, which is not on record"),
    "chased": ("客户催办：{text}", "The customer asked where it stays: {text}"),
    "reopen_requested": ("客户要求重开：{text}", "The customer wants it reopened: {text}"),
    "outcome_accepted": ("客户接受结果：{text}", "The customer accepts the outcome: {text}"),
    "outcome_disputed": ("客户不同意结果：{text}", "The customer disputes the outcome: {text}"),
    "manager_requested": ("客户要找主管：{text}", "The customer wants a manager: {text}"),
    "callback_requested": ("客户要求回电：{text}", "The customer wants a call: {text}"),
    "linked": ("与 {other} 关联", "Linked to {other}"),
    "unlinked": ("与 {other} 取消关联", "No longer linked to {other}"),
    "bounced": ("信被退回（{status}）", "A letter came back ({status})"),
    "letter_sent": ("已寄信：{letter}", "Letter sent: {letter}"),
    "letter_failed": ("信未送达：{letter}，{reason}", "Letter failed: {letter}, {reason}"),
    "letter_blocked": ("信被拦下：{letter}，{reason}", "Letter blocked: {letter}, {reason}"),
    "letter_unknown": ("信是否送达不明：{letter}", "Unknown whether this letter arrived: {letter}"),
    "promise_kept": ("承诺已兑现：{promise}", "Promise kept: {promise}"),
    "promise_broken": ("承诺未兑现：{promise}", "Promise broken: {promise}"),
    "clock_warning": ("期限将近：{clock}", "Limit near: {clock}"),
    "clock_breached": ("超过期限：{clock}", "Limit missed: {clock}"),
    "clock_retracted": ("其实按时：{clock}", "In time after all: {clock}"),
    "rung": ("升级第 {rung} 级：{action} → {to} {who}", "Rung {rung}: {action} → {to} {who}"),
    "duty_lead": ("值班主管：{lead}", "Duty lead: {lead}"),
    "conflict": ("{handler} 有利益冲突", "{handler} has a conflict of interest"),
    "authority_asked": ("请 {on_behalf_of} 出具委托", "Asked for the word of {on_behalf_of}"),
    "identity_asked": ("请 {address} 确认本人", "Asked {address} who they are"),
    "correction": ("更正 {letter_on} 的信：{right}", "Corrected the letter of {letter_on}: {right}"),
    "outside_decision": ("{body} 的决定：{outcome}", "{body} decided: {outcome}"),
    "file_taken": ("取走全案文件（{role}）", "The whole file was taken ({role})"),
    "cause_set": ("原因分类：{before} → {cause}（{reason}）", "Cause: {before} → {cause} ({reason})"),
    "tier_changed": ("客户级别：{before} → {after}", "Tier: {before} → {after}"),
}
OVERALL = {
    "upheld": ("成立", "upheld"),
    "partly": ("部分成立", "partly upheld"),
    "not_upheld": ("不成立", "not upheld"),
}
WARNINGS = {
    "callback": ("客户等回电", "The customer waits for a call"),
    "address_fails": ("地址无效", "The address does not work"),
    "breached": ("超过期限：{what}", "Limit missed: {what}"),
    "letter_failed": ("信未送达：{what}", "Letter failed: {what}"),
    "letter_blocked": ("信被拦下：{what}", "Letter blocked: {what}"),
    "letter_unknown": ("信是否送达不明：{what}", "Unknown whether it arrived: {what}"),
    "promise_broken": ("承诺未兑现：{what}", "Promise broken: {what}"),
    "asked_by_handler": ("经办人请主管协助", "The handler asks for the lead"),
    "manager_requested": ("客户要找主管", "The customer wants a manager"),
    "third_question": ("第三次向客户提问", "The customer is asked a third time"),
    "chased_three_times": ("一周内催了三次", "Chased three times in a week"),
}


class _Blank(dict[str, Any]):
    """What a history line does not know is left out."""

    def __missing__(self, key: str) -> str:
        return ""


@lru_cache
def _labels() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in ("desk.yaml", "people.yaml"):
        text = (files("services.routing") / "data" / name).read_text("utf-8")
        found |= yaml.load(text, Loader=yaml.BaseLoader)
    return found


class Words:
    """All words of one language."""

    def __init__(self, language: str, zones: Mapping[str, str]) -> None:
        """`zones`: language → the zone in which its readers are told times."""
        self._zone = ZoneInfo(zones.get(language, "UTC"))
        self.language, self._n = language, 0 if language == "zh" else 1

    def t(self, key: str, **values: Any) -> str:
        """A label. An unknown key is an error."""
        return _labels()[key][self._n].format(**values)

    def _of(self, table: Mapping[str, tuple[str, str]], key: str) -> str:
        return table[key][self._n] if key in table else key

    def state(self, name: str) -> str:
        return self._of(STATES, name)

    def cause(self, name: str) -> str:
        return self._of(CAUSES, name)

    def clock(self, name: str) -> str:
        return self._of(names.CLOCKS, name)

    def tier(self, name: str) -> str:
        return self._of(TIERS, name)

    def severity(self, name: str) -> str:
        return self._of(names.SEVERITIES, name)

    def trigger(self, rule: str) -> str:
        return self._of(names.TRIGGERS, rule)

    def need(self, name: str) -> str:
        return self._of(names.NEEDS, name)

    def queue(self, name: str) -> str:
        return self._of(names.QUEUES, name)

    def skill(self, name: str) -> str:
        return self._of(names.SKILLS, name)

    def channel(self, name: str) -> str:
        return self._of(names.CHANNELS, name)

    def wanted(self, kind: str) -> str:
        return self._of(names.WANTED, kind)

    def remedy(self, kind: str) -> str:
        return self._of(names.REMEDIES, kind)

    @property
    def remedies(self) -> list[tuple[str, str]]:
        """Kinds of remedies that letters have words for."""
        return [
            (kind, pair[self._n]) for kind, pair in names.REMEDIES.items() if kind not in ("apology", "improvement")
        ]

    def letter(self, kind: str) -> str:
        return self._of(names.LETTERS, kind)

    def letter_state(self, name: str) -> str:
        return self._of(names.LETTER_STATES, name)

    def promise(self, kind: str) -> str:
        return self._of(names.PROMISES, kind)

    def part(self, name: str) -> str:
        return self._of(names.PARTS, name)

    def axis(self, name: str) -> str:
        return self._of(names.AXES, name)

    @property
    def decline_reasons(self) -> list[str]:
        """Reasons that are often given for declining an offer."""
        return [pair[self._n] for pair in names.DECLINE_REASONS]

    def keys(self, leads: bool) -> list[tuple[tuple[str, ...], str]]:
        """What the keyboard does, for the list that `?` shows."""
        return [(keys, pair[self._n]) for keys, pair, for_lead in names.KEYS if leads or not for_lead]

    @property
    def units(self) -> tuple[str, str, str]:
        """What follows a number of days, hours and minutes."""
        return ("天", "小时", "分钟") if self.language == "zh" else (" d", " h", " min")

    def overall(self, name: str) -> str:
        return self._of(OVERALL, name)

    def warning(self, code: str) -> str:
        """A task or a reason for the lead, from its code."""
        kind, _, rest = code.partition(":")
        if kind == "trigger":
            return self.t("warning_trigger", what=self.trigger(rest))
        if kind == "rung":
            clock, _, level = rest.partition(":")
            return self.t("warning_rung", what=self.clock(clock), level=level)
        return self._of(WARNINGS, kind).format(
            what=self._of(names.LETTERS if kind.startswith("letter_") else names.CLOCKS, rest)
        )

    def line(self, kind: str, data: Mapping[str, Any]) -> str:
        """A line of the history in words."""
        values = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in data.items()}
        if kind in ("triaged", "cause_set"):
            values |= {name: self.cause(str(values[name])) for name in ("cause", "before") if name in values}
        if "overall" in values:
            values["overall"] = self.overall(str(values["overall"]))
        if "letter" in values:
            values["letter"] = self._of(names.LETTERS, str(values["letter"]))
        if "clock" in values:
            values["clock"] = self.clock(str(values["clock"]))
        if values.get("outcome") in ("reached", "no_answer", "voicemail", "wrong_number"):
            values["outcome"] = self.t(str(values["outcome"]))
        return self._of(HISTORY, kind).format_map(_Blank(values)).strip(" :：,，")

    @staticmethod
    def percent(share: float | None) -> str:
        """A share as people say it; a dash while there is none."""
        return "–" if share is None else f"{100 * share:.0f} %"

    def size(self, count: int) -> str:
        """A file's size as people say it."""
        return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{max(1, round(count / 1000))} kB"

    def length(self, seconds: float) -> str:
        """A length of time, rounded as people say it."""
        minutes = int(abs(seconds)) // 60
        units = (*self.units, "不到一分钟" if self.language == "zh" else "under a minute")
        if minutes >= 2880:
            return f"{minutes // 1440}{units[0]}"
        if minutes >= 60:
            return f"{minutes // 60}{units[1]}" + (f" {minutes % 60}{units[2]}" if minutes % 60 else "")
        return f"{minutes}{units[2]}" if minutes else units[3]

    def reply_cause(self, name: str) -> str:
        """A cause of the reply library."""
        words = self.t("any_cause") if name == "any" else self.cause(name)
        return words[:1].upper() + words[1:]

    def owner(self, name: str) -> str:
        """Who answers for a reply."""
        return self.t("house") if name == "house" else name

    def share(self, n: int, of: int) -> str:
        """A number of all, and what share that is."""
        return self.t("share", n=n, of=of, percent=round(100 * n / of) if of else 0)

    def days(self, days: Sequence[int]) -> str:
        """ISO weekdays, in short."""
        names = self.t("weekdays")
        if self.language == "zh":
            return "周" + "".join(names[d - 1] for d in days)
        return " ".join(names.split()[d - 1] for d in days)

    def short(self, at: datetime) -> str:
        """A day and time within the year, as a list shows them."""
        at = at.astimezone(self._zone)
        return f"{at.month}月{at.day}日 {at:%H:%M}" if self.language == "zh" else f"{at.day} {at:%b %H:%M}"

    def clock_time(self, at: datetime) -> str:
        """The time of day."""
        return f"{at.astimezone(self._zone):%H:%M}"

    def left(self, due: datetime, now: datetime) -> str:
        """How much of a limit is left, or by how much it is over."""
        seconds = (due - now).total_seconds()
        return self.t("left" if seconds >= 0 else "over", time=self.length(seconds))
