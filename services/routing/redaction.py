"""Third parties taken out of a case's texts: people other than the customer, and staff by their role.

What is looked for: telephone numbers and e-mail addresses that are not the customer's or the house's; names after a
title, a relation or a role, names that begin with a usual first name or (in Chinese) a surname before a title or after
a word for a person; and each name that was found once, wherever else it stands. It errs on the side of taking out. What
it cannot know is a bare name in an unusual place: a person reads the file before it leaves the house.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from .finding import e164, plain

NAME, PHONE, EMAIL, ADDRESS, IDENTITY = "[name]", "[phone]", "[e-mail]", "[address]", "[identity number]"
LEAST_DIGITS = 7
_EMAIL = re.compile(r"(?<![A-Za-z0-9_.+%-])[A-Za-z0-9_.+%-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
# Digits with what people put between them; dates, times, sums and codes are told apart in `_is_phone`.
_PHONE = re.compile(r"(?<![A-Za-z0-9_£$€¥/.:-])(?:\+|00)?\(?\d[\d()\s.*-]{5,18}[\d*](?![A-Za-z0-9_/:%元])")
_DATE = re.compile(
    r"(?:19|20)\d\d[-. /]?(?:0?[1-9]|1[0-2])[-. /]?(?:0?[1-9]|[12]\d|3[01])|\d{1,2}[-. /]\d{1,2}[-. /]\d{4}"
)
# What stands before a number that nobody can call.
_CODE = re.compile(
    r"(?:order|invoice|reference|ref|account|contract|serial|policy|case|receipt|ticket|card|订单|单号|编号|发票|合同|账号|尾号)"
    r"[号码]?\s*(?:no\.?|number|#)?\s*[:：]?\s*$",
    re.IGNORECASE,
)
_CAP = r"(?:[A-Z][a-zà-ÿ]+(?:[-'’][A-Z]?[a-zà-ÿ]+)*|[A-Z]\.|O['’][A-Z][a-z]+|Mc[A-Z][a-z]+)"
_NAMES = rf"{_CAP}(?:\s+(?:de|van|von|al|bin)?\s*{_CAP}){{0,2}}"
# Two capital words within a sentence: a person more often than a thing, and a thing is missed less.
_TWO_CAPITALS = re.compile(rf"(?<=[a-z,] )({_CAP}\s+{_CAP}(?:\s+{_CAP})?)(?![\w-])")
# What somebody says or does, after which the words before it are a person and no firm.
_ACTS = "said|told|promised|called|rang|wrote|answered|refused|knows|saw|took|lives|hung|introduced|signed|has"
_ROLES = "our|my|your|the|his|her"
_DESK = "desk|counter|till|reception|branch|office|shop|store|station|garage|clinic|gate"
# An address of somebody: a house's number and a street, not a shop of ours.
_STREET = re.compile(
    rf"\b\d{{1,4}}[a-z]?\s+{_CAP}(?:\s+{_CAP})?\s+(?:Street|Road|Lane|Close|Avenue|Drive|Court|Way|Place|Terrace|"
    r"Crescent|Gardens|Grove|Row|Mews)\b(?!\s+(?:shop|store|branch|office))"
)
_BLOCK = re.compile(r"(?:(?![在住到于址家])[\u4e00-\u9fff]){2,6}\d+(?:号楼|栋|幢)(?:\d+单元)?(?:\d+[室号])?")
_IDENTITY = re.compile(r"(?<!\d)[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)")
_NOT_NAMES = frozenset(
    re.findall(
        r"\w+",
        "the a an i we you he she it they my our your his her monday tuesday wednesday thursday friday saturday sunday "
        "january february march april may june july august september october november december customer care support "
        "team street road lane avenue square bank store shop office service services department centre center north "
        "south east west london paris china england island city park hall house hotel airport university school "
        "hospital court council card plus premium phone broadband pay kingdom states zealand africa air data plan club "
        "direct debit credit online banking black friday christmas easter new year customer",
    )
)
_ADDRESSED = re.compile(r"(?<=.)(?:先生|女士|小姐|太太)$")
_HAN = "\u4e00-\u9fff"


@cache
def _lists() -> Mapping[str, Any]:
    found: dict[str, Any] = yaml.safe_load((files("services.routing") / "data" / "names.yaml").read_text("utf-8"))
    return found


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))


@cache
def _english() -> tuple[re.Pattern[str], ...]:
    named = _lists()
    before = rf"(?:{_any(named['people_en'])})s?,?\s+(?:is\s+|was\s+)?(?:called\s+|named\s+)?"
    return (
        re.compile(rf"\b(?:{_any(named['titles_en'])})\.?\s+({_NAMES})"),
        re.compile(rf"(?i:\b{before})({_NAMES})"),
        re.compile(rf"(?i:\b(?:{_any(named['verbs_en'])}))\s+(?:a\s+|one\s+)?({_NAMES})"),
        re.compile(rf"\b((?:{_any(named['first_en'])})(?:\s+{_CAP}){{1,2}})"),
        re.compile(rf"\b((?:{_any(named['surnames_pinyin'])})\s+[A-Z][a-z]+(?:[a-z]+)?)\b"),
        re.compile(rf"\b([A-Z][a-z]+\s+(?:{_any(named['surnames_pinyin'])}))\b"),
        re.compile(
            rf"\b(?i:to|by|with|from|ask|asked|told|tell|call|contact|and|met|saw|knows)\s+((?:{_any(named['first_en'])})\b)"
        ),
        re.compile(rf"\b(?i:ask|asked|told|tell|call|contact|met|saw|knows)\s+({_CAP}\s+{_CAP})"),
        re.compile(rf"\b([A-Z]\.\s?(?:[A-Z]\.\s?)?{_CAP})\b"),
        re.compile(rf"(?:^|[.!?;]\s+|\band\s+)({_CAP}\s+{_CAP})(?=,?\s+(?:who\s+)?(?:{_ACTS}|from)\b)"),
        re.compile(
            rf"(?:^|[.!?;]\s+|\band\s+)({_CAP})(?=,?\s+(?:who\s+)?(?:{_ACTS})\s+(?:he|she|that|me|us|my|up|to)\b)"
        ),
        re.compile(rf"({_NAMES})(?=,\s+(?:{_ROLES})\s+(?:{_any(named['people_en'])})\b)"),
        re.compile(
            rf"\b({_CAP})(?=(?:\s+and\s+{_CAP}(?:\s+{_CAP})?)?\s+(?:at|from|in|on)\s+(?:the|your)\s+(?:\w+\s+)?(?:{_DESK})\b)"
        ),
        re.compile(rf"\b(?:met|with|and|asked|saw)\s+({_CAP}(?:\s+{_CAP})?)(?=\s+(?:at|from|in|on)\s+(?:the|your)\b)"),
        re.compile(rf"\b({_CAP})(?=\s+and\s+I\b)"),
        re.compile(rf"\b[Ii]t was ({_NAMES})(?=\s+who\b)"),
        re.compile(rf"\b(?:ex-|late\s+|next-door\s+)(?:{_any(named['people_en'])}),?\s+({_NAMES})"),
        re.compile(rf"(?<=[a-z,]\s)({_any(named['first_en'])})\b(?=[.,;!?]|\s+(?:and|who|is|was|has|had|at)\b)"),
        re.compile(
            rf"\b({_any(named['first_en'])})\b(?=\s+(?:from|at|in your|said|told|promised|answered|called|wrote)\b)"
        ),
    )


@cache
def _chinese() -> tuple[re.Pattern[str], ...]:
    named = _lists()
    surname = rf"(?:{_any(named['compound_zh'])}|[{named['surnames_zh']}])"
    name = rf"{surname}[{_HAN}]{{1,2}}?"
    titles = _any(named["titles_zh"])
    after = "的说和与是在来打给把告承电答也已都签住没不处接又就一让跟向那会要曾当同叫有到看之听帮收去可交发十替写"
    end = rf"(?=[，。、；：,.;:！？\s\d（(）)]|$|{titles}|[{after}])"
    return (
        re.compile(rf"(?<![{_HAN}])({name}|{surname})(?={titles})"),
        re.compile(rf"(?:姓|[的由找给跟和与向叫让问是请位，。；、])({name}|{surname})(?={titles})"),
        re.compile(
            rf"(?:{_any(named['people_zh'])})(?:是|叫|名叫|姓名)?[：:，, ]?(?:({name}){end}|({surname}[{_HAN}]{{2}}))"
        ),
        re.compile(rf"(?:{_any(named['verbs_zh'])})[：: ]?({name}){end}"),
        re.compile(rf"(?<![{_HAN}]姓)姓({surname})(?=的)"),
        re.compile(rf"(?:[小老阿]({surname}))(?=[，。、；：,\s]|$|[{after}]|经理|师傅)"),
        re.compile(rf"是({surname}[{_HAN}]{{1,2}}?)(?=[签写打办接]|的名字)"),
        re.compile(rf"({surname}[{_HAN}]{{1,2}})(?=先生|女士|小姐|太太|师傅|老师|医生|律师|警官)"),
        re.compile(rf"(?<![{_HAN}])({surname}[{_HAN}]{{1,2}}?)(?=说|告诉|答应|承诺|表示|回电)"),
        re.compile(rf"(?<![主保])({surname})(?=经理|阿姨|师傅|大爷|大妈|叔叔|女士|先生|小姐)"),
        re.compile(rf"(?:[和与、])({name})(?=两|三|等|都|也)"),
        re.compile(rf"(?:^|[。，；！？、])({name})(?=和{surname}[{_HAN}]{{1,2}}?(?:两|三|都))"),
        re.compile(rf"姓({surname})(?=[，。、；,]|$)"),
        re.compile(rf"(?:[小老阿]({surname}))(?=把|给|在|那|让|答|说|没|挂|来|去|跟|也)"),
        re.compile(rf"(?:叫|自称|自称是|名叫)([{_HAN}]{{2,3}}?)(?=[，。、；,]|$|的人)"),
        re.compile(rf"号([{_HAN}]{{2,3}}?)(?=挂|说|让|没|告诉|答应|接)"),
        re.compile(rf"工号\s*\d*[的，,\s]*({name}){end}"),
    )


@dataclass
class Redactor:
    """Takes third parties out of texts. `roles`: a colleague's name → their role; `known`: names known beforehand."""

    customer: str = ""
    phones: Iterable[str] = ()
    emails: Iterable[str] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    known: Iterable[str] = ()

    def __post_init__(self) -> None:
        self._phones = [d for d in (e164(p) for p in self.phones if p) if len(d) >= LEAST_DIGITS]
        self._emails = {plain(e) for e in self.emails if e}
        self._own = {plain(w) for w in re.split(r"[\s·]+", self.customer) if w} | {plain(self.customer)}
        self.names: set[str] = {n for n in self.known if n and not self._is_own(n)}
        self._reached: set[str] = set()  # numbers and addresses that were taken out

    def learn(self, text: str) -> None:
        """Remember who is named in a text, so that they are taken out of every other one as well."""
        for pattern in (*_english(), *_chinese()):
            for match in pattern.finditer(text):
                name = _trimmed(next(filter(None, match.groups()), ""))
                if name and not self._is_own(name):
                    self.names.add(name)
                    self.names.update(p for p in name.split()[1:] if len(p) > 3 and not self._is_own(p))

        for match in _TWO_CAPITALS.finditer(text):
            if not any(p.casefold() in _NOT_NAMES for p in match[1].split()) and not self._is_own(match[1]):
                self.names.add(match[1])

    def _is_own(self, name: str) -> bool:
        if plain(name) in self._own:
            return True
        parts = [plain(p) for p in name.split()]
        return len(parts) > 1 and all(p in self._own for p in parts)

    def text(self, text: str) -> str:
        """The text without third parties."""
        self.learn(text)
        for name, role in sorted(self.roles.items(), key=lambda pair: -len(pair[0])):
            if not self._is_own(name):
                text = _replaced(text, name, f"[{role}]")
        text = _EMAIL.sub(lambda m: m[0] if plain(m[0]) in self._emails else self._taken(m[0], EMAIL), text)
        text = _PHONE.sub(
            lambda m: m[0] if _CODE.search(text, max(0, m.start() - 40), m.start()) else self._phone(m[0]), text
        )
        text = _IDENTITY.sub(lambda m: self._taken(m[0], IDENTITY), text)
        for address in (_STREET, _BLOCK):
            text = address.sub(lambda m: self._taken(m[0], ADDRESS), text)
        for name in sorted(self.names, key=len, reverse=True):
            if name not in self.roles:
                text = _replaced(text, name, NAME)
        return text

    def _phone(self, written: str) -> str:
        digits = e164(written)
        if not _is_phone(written) or any(_same(digits, own) for own in self._phones):
            return written
        tail = re.search(r"\s*$", written)
        self._taken(written.strip(), PHONE)
        return PHONE + (tail[0] if tail else "")

    def _taken(self, written: str, by: str) -> str:
        self._reached.add(written)
        return by

    def mentions(self, text: str) -> bool:
        """Whether somebody who was taken out of other texts is named in this one."""
        named = (name for name in self.names if name not in self.roles)
        return any(reached in text for reached in self._reached) or any(_replaced(text, n, "") != text for n in named)

    def document(self, value: Any) -> Any:
        """The same for every text in a document; its keys, numbers and times stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.document(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.document(inner) for inner in value]
        return value


def texts(value: Any) -> Iterable[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from texts(inner)


def _trimmed(name: str) -> str:
    """The name without words at its ends that only look like one."""
    parts = name.split()
    while parts and parts[0].casefold() in _NOT_NAMES:
        parts.pop(0)
    while parts and parts[-1].casefold() in _NOT_NAMES:
        parts.pop()
    found = _ADDRESSED.sub("", " ".join(parts))
    return found if len(found) != 2 or found[1] != "." else ""  # an initial alone is no name


def _replaced(text: str, name: str, by: str) -> str:
    before, after = ("", "") if re.match(f"[{_HAN}]", name) else ("(?<![A-Za-z0-9])", "(?![A-Za-z0-9])")
    if len(name) == 1:  # a bare Chinese surname stands with a title, after 姓 or after 小, 老, 阿
        around = rf"(?<=[姓小老阿]){name}|{name}(?=(?:{_any(_lists()['titles_zh'])}))"
        return re.sub(around, by, text)
    return re.sub(rf"{before}{re.escape(name)}{after}", by, text)


def _same(digits: str, own: str) -> bool:
    shorter, longer = sorted((digits.lstrip("0"), own), key=len)
    return len(shorter) >= LEAST_DIGITS and longer.endswith(shorter)


def _is_phone(written: str) -> bool:
    digits = sum(c.isdigit() or c == "*" for c in written)
    if not LEAST_DIGITS <= digits <= 15 or _DATE.fullmatch(written.strip()):
        return False
    bare = written.strip().isdigit()
    # A plain row of digits is a number to call when it begins like one; otherwise an order, a card, an account.
    return not bare or (digits in (10, 11) and written.strip()[0] in "01") or written.strip().startswith("00")
