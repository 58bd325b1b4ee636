"""The complaint's story in the customer's words, Chinese and English. Pure: keys of model.Case.note to sentences."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.base.pages import day, moment

from .model import Case

WORDS: Mapping[str, tuple[str, str]] = {
    "received": ("我们收到了您的投诉。", "We received your complaint."),
    "received_message": ("我们收到了您的来信。", "We received your message."),
    "assigned": ("{name}（{role}）负责处理您的投诉。", "{name} ({role}) is looking after your complaint."),
    "transferred": ("您的投诉转到了另一个团队。", "Your complaint went to another team."),
    "contact_in": ("您与我们通了话。", "You spoke with us."),
    "contact_out": ("我们联系到了您。", "We reached you."),
    "contact_missed": ("我们给您打了电话，没有接通。", "We tried to reach you by phone."),
    "asked": ("我们向您了解一些情况，请在{by}前回复。", "We asked you for something; please answer by {by}."),
    "enquiry": ("我们请相关部门的同事协助核实。", "We asked colleagues in another department for facts."),
    "enquiry_answered": ("同事给出了核实结果。", "Our colleagues answered."),
    "decided": ("我们作出了决定，会写信告诉您。", "We have decided; a letter to you follows."),
    "remedy": ("答应您的事项办妥了。", "What we promised you has been done."),
    "resolved": ("您的投诉处理完毕。", "Your complaint is settled."),
    "reopened": ("您的投诉重新受理。", "Your complaint was opened again."),
    "closed": ("您的投诉结案。", "Your complaint is closed."),
    "referred": ("您的投诉转交{body}。", "Your complaint went to {body}."),
    "letter": ("我们给您发了信：{kind}。", "We wrote to you: {kind}."),
    "promise_kept": ("我们兑现了一项承诺。", "We kept a promise to you."),
    "message": ("您补充了情况。", "You wrote to us."),
    "chase": ("您询问了进展。", "You asked how far we are."),
    "withdrawn": ("您撤回了投诉。", "You withdrew your complaint."),
    "withdrawal_asked": (
        "我们的同事记录了您想撤回投诉，等您确认。",
        "A colleague noted that you want to withdraw; we wait for your own word.",
    ),
    "withdrawal_kept": ("您没有撤回，我们继续处理。", "You did not withdraw; we carry on."),
    "links_revoked": ("以前的查询链接已停用。", "Earlier links to this page were ended."),
    "accepted": ("您接受了处理结果。", "You accepted the outcome."),
    "disputed": (
        "您不同意处理结果，另一位同事会复核。",
        "You did not accept the outcome; another person will look at it.",
    ),
    "reopen_asked": ("您请我们重新处理。", "You asked us to open your complaint again."),
    "manager_asked": ("您希望与主管沟通。", "You asked to speak with a manager."),
    "call_asked": ("您请我们给您回电。", "You asked us to call you."),
}
KINDS: Mapping[str, tuple[str, str]] = {
    "complaint": ("投诉", "complaint"),
    "question": ("咨询", "question"),
    "praise": ("表扬", "praise"),
    "suggestion": ("建议", "suggestion"),
}
LETTERS: Mapping[str, tuple[str, str]] = {
    "acknowledgement": ("告知收到", "we have your complaint"),
    "progress": ("进展说明", "how far we are"),
    "information_request": ("请您补充", "a question to you"),
    "reply": ("回复", "a reply"),
    "delay_apology": ("延误致歉", "an apology for our delay"),
    "holding": ("延期说明", "why it takes longer"),
    "resolution": ("处理结果", "our decision"),
    "reopening": ("重新受理", "your complaint is open again"),
    "withdrawal_confirmation": ("撤回确认", "your withdrawal"),
    "call_summary": ("通话记录", "what we agreed by phone"),
    "thanks": ("感谢", "thank you"),
    "hand_over": ("更换经办人", "who looks after it now"),
    "callback_appointment": ("约定回电", "when we call you"),
    "summary_resolution": ("已经办结", "it is settled"),
    "out_of_scope": ("由谁决定", "who can decide it"),
    "forwarded": ("已经转交", "where it was passed on to"),
    "final": ("最终答复", "our final answer"),
    "referral": ("外部途径", "where you can turn"),
    "remedy_done": ("答应的事已办妥", "what we promised is done"),
    "remedy_delayed": ("答应的事延误致歉", "an apology for a promise not kept"),
    "correction": ("更正", "a correction"),
    "reminder": ("提醒", "a reminder of our question"),
    "closing_no_answer": ("暂时办结", "your complaint is closed for now"),
    "authority_request": ("请出具委托", "we ask for a word of authority"),
    "verification_request": ("请确认身份", "we ask who wrote"),
    "regret_and_action": ("歉意和行动", "what we do about it"),
    "bulk_notice": ("通知", "a notice"),
    "survey_invitation": ("请您评价", "a question about our service"),
}
CLOCKS: Mapping[str, tuple[str, str]] = {
    "acknowledgement": ("确认收到", "we confirm receipt"),
    "first_response": ("专人联系您", "a person contacts you"),
    "next_update": ("下次告知进展", "the next update"),
    "decision": ("作出答复", "our answer"),
    "final_response": ("最终答复", "our final answer"),
    "callback": ("回电", "our call to you"),
    "remedy": ("办妥答应的事项", "what we promised is done"),
}
STAGES: Mapping[str, tuple[str, str]] = {
    "received": ("正在安排专人处理", "Finding the right person"),
    "assigned": ("正在处理", "Being looked into"),
    "waiting_customer": ("等待您的回复", "Waiting for your answer"),
    "decided": ("已有决定，正在给您写信", "Decided; our letter follows"),
    "answered": ("已答复", "Answered"),
    "disputed": ("正在复核", "Being reviewed by another person"),
    "resolved": ("处理完毕", "Settled"),
    "closed": ("已结案", "Closed"),
    "withdrawn": ("已撤回", "Withdrawn"),
    "referred": ("已转交外部机构", "Referred to an outside body"),
}


def in_language(pair: tuple[str, str], language: str) -> str:
    """One of the two."""
    return pair[0] if language == "zh" else pair[1]


def sentence(what: str, with_: Mapping[str, Any], language: str, zone: str) -> str:
    """One line of the story; empty for a key that this version does not know."""
    pair = WORDS.get(what)
    if pair is None:
        return ""
    values = dict(with_)
    if what == "letter":
        values["kind"] = in_language(LETTERS.get(values.get("kind", ""), ("来信", "a letter")), language)
    if what == "asked" and values.get("by"):
        values["by"] = day(_moment(values["by"]).astimezone(ZoneInfo(zone)), language)
    return in_language(pair, language).format_map(_Missing(values))


class _Missing(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def promises(case: Case, language: str, zone: str) -> list[tuple[str, str]]:
    """What we promised and by when, for the clocks that concern the customer."""
    return [
        (in_language(CLOCKS[clock.kind], language), moment(clock.due_at, language, zone))
        for clock in case.promised()
        if clock.kind in CLOCKS
    ]
