"""What is it? The outcome of a mail, and the kind of a text. Pure; in doubt it is a complaint.

Auto-replies follow RFC 3834, bounces RFC 3464 (mail.py reads their marks). A reply joins its complaint by our own
Message-IDs first; a reference in the subject or the address counts only when the sender is a party to that complaint.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from . import reference
from .mail import Mail
from .requests import Kind

Outcome = Literal[
    "complaint", "reply", "chase", "question", "praise", "suggestion", "duplicate", "auto_reply", "bounce", "spam",
    "quarantined",
]  # fmt: skip

_GRIEVANCE = re.compile(
    r"投诉|不满|退款|退货|赔|欺|骗|坏了|故障|断网|没人|没有人|没有回|太差|态度|多扣|乱收|误导|拒绝|拖|至今|一直(没|不)|错误|扣费"
    r"|\b(complain\w*|refund\w*|unacceptable|disappoint\w*|broken|faulty|overcharg\w*|wrong\w*|unhappy|fail\w*|terrible"
    r"|worst|angry|damaged|error|incorrect|never|nobody|no one|rude|fraud\w*|mislead\w*|late|delay\w*|dispute\w*"
    r"|not (work|receiv|been|deliver)\w*|did(n't| not)|still (not|no|waiting))\b",
    re.IGNORECASE,
)
_PRAISE = re.compile(
    r"表扬|点赞|锦旗|很满意|非常满意|\b(compliment|kudos|well done|(excellent|great) (service|work|job)"
    r"|(very|really) (pleased|happy|helpful)|thank(s| you) (so much )?for your (excellent|great|wonderful|kind))\b",
    re.IGNORECASE,
)
_SUGGESTION = re.compile(
    r"建议|希望能?增加|能否增加|提个意见"
    r"|\b(i suggest|a suggestion|suggest that|it would (help|be (nice|great|useful|good)) if"
    r"|an idea for|feature request|you (could|should) (add|offer|consider))\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"请问|咨询|[?？]|\b(could you tell|can you tell|i would like to know|how (do|can) i)\b", re.IGNORECASE
)
_CHASE = re.compile(
    r"催|还没(有)?(回复|答复|消息|结果|处理|收到)|什么时候(能|会|才|可以)?(有|给|回复|答复|处理|解决)|进展(如何|怎么样)?|多久"
    r"|\b(any (update|news|progress)|still (waiting|no (answer|reply))|when (will|can) (i|you|we)|how (much )?long(er)?"
    r"|have(n't| not) heard|follow(ing)? up|no (answer|reply|response) (yet|so far))\b",
    re.IGNORECASE,
)
_UNSOLVED = re.compile(
    r"(没有?|未|尚未|并未)(能|得到|被|完全|彻底)?(解决|修好|修复|收到|退)|问题(仍|依旧|依然|还)(然|在|存在|没)|仍然(不|没|无|有问题)"
    r"|还是(不|没|老样子|坏|一样)|又(坏|断|出现|来|不行|开始)|(重新|再次)(打开|处理|投诉)|要求重新"
    r"|\b(not (been |yet |really |actually )*(solved|resolved|fixed|working|received|refunded)"
    r"|(is|was|has|does|did|have)(n't| not) (been )?(solved?|resolved?|fixed|work\w*|help\w*|arrived?|received?)"
    r"|still (not|no|does(n't| not)|is(n't| not)|have(n't| not)|has(n't| not)|waiting|broken|wrong|happening|failing"
    r"|the same)"
    r"|unsolved|unresolved|happen(s|ed|ing) again|(is|has) (broken|failed) again|same (problem|issue|fault) again"
    r"|came back|re-?open)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？]|请问|请(把|将|给|发|寄|告|提供|回复|答复|说明|转)|(发|寄|转|告诉|提供|回复|答复)给?我|想(知道|了解|问|看)|查(一下|询)|能否|可否"
    r"|\b(please|kindly|(can|could|would|will|may) (you|we|i)|i (want|need|would like|wish)|i'd like|let me (know|have)"
    r"|(send|tell|give|show|copy|forward) (me|us)|what|when|where|which|who|how)\b",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\bAM-?[0-9A-Z]{10}\b", re.IGNORECASE)
QUESTION_CHARS = 600


def kind_of(text: str) -> Kind:
    """What a first message is by its words."""
    start = text[:4000]
    if _GRIEVANCE.search(start):
        return "complaint"
    if _PRAISE.search(start):
        return "praise"
    if _SUGGESTION.search(start):
        return "suggestion"
    if len(start) <= QUESTION_CHARS and _QUESTION.search(start):
        return "question"
    return "complaint"


def first_message(outcome: Outcome) -> Kind | None:
    """The kind of message that a mail with this outcome begins; None when it begins nothing."""
    return outcome if outcome in ("complaint", "question", "praise", "suggestion") else None


def is_chase(text: str) -> bool:
    """Whether a later word only asks where the answer stays."""
    return len(text) <= QUESTION_CHARS and bool(_CHASE.search(text))


def asks(text: str) -> bool:
    """Whether a later word asks for something. Thanks, or a file without a question, ask for nothing."""
    return bool(_ASKS.search(text[:4000]) or _CHASE.search(text[:4000]))


def says_unsolved(text: str) -> bool:
    """Whether a later word says that it is not solved. Thanks, and what says neither, are a person's to read."""
    return bool(_UNSOLVED.search(text[:4000]))


def message_ids(mail: Mail) -> list[str]:
    """The Message-IDs by which a mail may belong to a letter of ours."""
    returned = mail.bounce.message_id if mail.bounce else None
    return [i for i in (*mail.replies_to, returned, mail.message_id) if i]


def quoted_references(mail: Mail) -> list[str]:
    """The well-formed references in the subject and in the addresses that the mail went to."""
    where = " ".join((mail.subject, *mail.recipients))
    parsed = (reference.parse(found) for found in _REFERENCE.findall(where))
    return list(dict.fromkeys(r for r in parsed if r))


@dataclass(frozen=True, slots=True)
class Known:
    """A complaint that a mail may be about. `parties` are the addresses that belong to it."""

    complaint_id: UUID
    reference: str
    kind: str
    open: bool
    parties: frozenset[str]
    letter_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a mail, the complaint that it is about, and why.

    `unknown`: whoever wrote about the complaint is no party to it; `asks`: they ask for something.
    """

    outcome: Outcome
    about: Known | None = None
    reason: str = ""
    unsolved: bool = False
    unknown: bool = False
    asks: bool = False


def judge(
    mail: Mail,
    by_letter: Mapping[str, Known],
    by_reference: Mapping[str, Known],
    *,
    known_sender: bool,
    rescued: bool = False,
) -> Verdict:
    """Decide. `by_letter` are complaints by the Message-IDs of our letters, `by_reference` by their references.

    `rescued`: a person has said that a person wrote this, so no sign of a machine counts.
    """
    about = next((by_letter[i] for i in mail.replies_to if i in by_letter), None)
    if not rescued:
        if mail.bounce:
            return Verdict("bounce", by_letter.get(mail.bounce.message_id or ""), mail.bounce.status)
        if mail.message_id in by_letter:
            return Verdict("auto_reply", by_letter[mail.message_id], "a letter of ours")
        if mail.automatic:
            return Verdict("auto_reply", about, mail.automatic)
    if about is None:
        cited = (by_reference[r] for r in quoted_references(mail) if r in by_reference)
        about = next((known for known in cited if mail.sender and mail.sender in known.parties), None)
    words = mail.fresh or mail.text
    if about:
        unknown = bool(mail.sender) and mail.sender not in about.parties
        if about.open and about.kind == "complaint" and is_chase(words):
            return Verdict("chase", about, unknown=unknown, asks=True)
        return Verdict("reply", about, unsolved=says_unsolved(words), unknown=unknown, asks=asks(words))
    if mail.marked_spam and not known_sender and not rescued:
        return Verdict("spam", reason="marked by the gateway")
    if not mail.text.strip() and not mail.files and not mail.subject.strip() and not rescued:
        return Verdict("quarantined", reason="no words and no files")
    return Verdict(kind_of(f"{mail.subject}\n{mail.text}"))
