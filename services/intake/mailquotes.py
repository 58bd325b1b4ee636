"""What is new in a reply: quoted text and signatures taken apart by the marks that mail clients leave. Pure.

Nothing is thrown away: the three parts together have every word. The accuracy on real replies is measured in
tests/unit/test_intake_quotes.py.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """A mail's text taken apart: what the sender wrote now, their signature, and what is quoted."""

    fresh: str
    signature: str
    quoted: str


LINES = 20_000
_WROTE = (
    "wrote|writes|schrieb|écrit|écrivait|escribió|ha scritto|scritto|schreef|skrev|escreveu|napisał|napisała|написал|"
    "написала|пишет|пише"
)
# One line that says: from here on somebody else's words.
_BEGINS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^\s*-{2,}\s*((original|forwarded|replied) (message|mail|appointment)\s*-{0,}|original\s*-{2,})\s*$",
        r"^\s*-{2,}\s*((回复|转发|轉寄|回覆)的?)?(原始?)?(邮件|郵件|訊息)(原件|原文)?\s*(-{2,}.{0,20})?$",
        rf"^\s*[>*]?\s*(on|at|am|le|el|il|op|den|em)\b.{{4,200}}\b({_WROTE})\b(\s*:?|.{{0,80}}:)\s*\*?$",
        r"^\s*\d{4}-\d\d-\d\d \d\d:\d\d (gmt|utc)?[+-]\d\d:?\d\d .{2,120}$",
        r"^\s*-{2,}\s*on\b.{4,200}\bwrote\s*-{2,}\s*$",
        r"^\s*在\s*.{4,200}(写道|编写|寫道)\s*[:：]?\s*$",
        r"^.{2,120}[于於].{0,60}(\d{4}年|\d{4}/|\d:\d\d|@).{0,80}[写寫]道\s*[:：]\s*$",
        r"^.{4,200}\b(написал|написала|пишет)(\(а\))?\s*:\s*$",
        r"^.{0,120}<[^<>@\s]{1,100}@[^<>\s]{1,200}>.{0,30}(wrote|写道|寫道)\s*[:：]\s*$",
        r"^[^<>]{6,120}\d{4}[^<>]{0,100}<[^<>@\s]{1,100}@[^<>\s]{1,200}>\s*:\s*$",
        r"^\s*_{20,}\s*$",
    )
]
_HEADER = re.compile(
    r"^\s*\*?(from|sent|date|to|cc|subject|reply-to|von|gesendet|an|betreff|datum|de|envoyé|à|objet|da|inviato|data|a"
    r"|oggetto|risposta|enviado( el)?|enviada em|para|asunto|assunto|van|verzonden|aan|onderwerp|från|skickat|till|ämne"
    r"|fra|sendt|til|emne|od|wysłano|do|temat|от|отправлено|дата|кому|тема)\s*:\*?(\s.{0,300})?$"
    r"|^[\s|>*]*(发\s*件\s*人|寄\s*件\s*[者人]|收\s*件\s*[人者]|抄\s*送至?|副\s*本|主\s*[题旨題]|日\s*期|发\s*[送件]\s*(时\s*间|日\s*期)"
    r"|寄\s*件\s*日\s*期|重要性|(?<=\|\s)(from|date|to|cc|subject)(?=\s\|))\s*\*?[:：|].{0,300}$",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_OF_A_MAIL = re.compile(
    r"^[\s|>*]*((主\s*[题旨題]|subject)\s*\*?[:：|]|(发\s*送|寄\s*件)\s*(时\s*间|日\s*期)\s*\*?[:：|].*\d:\d\d)",
    re.IGNORECASE,
)
_OPENS = re.compile(r"^\s*>?\s*(on\s.{4,200}|\d{1,2}[./]\d{1,2}[./]\d{4}.{4,200})$", re.IGNORECASE)
_CLOSES = re.compile(rf"(\b({_WROTE})(\(a\))?|[写寫]道)\s*[:：]\s*$", re.IGNORECASE)
# What names a time or a writer: above quoted lines, a line or two with it and a colon at the end tell whose they are.
_DATED = re.compile(r"\b(19|20)\d\d\b|\d{1,2}[:.h]\d\d\b|[^\s<>@]+@[^\s<>]+", re.IGNORECASE)
_RULE = re.compile(r"^\s*-{10,}\s*$")
_SIGNATURE = re.compile(
    r"^\s*(--\s?|—{1,3}\s?|_{3,19}\s?|-{4,}"
    r"|[<(]*sent (from|via|with|by) (an? |my |the |yahoo|outlook|mail|proton|samsung|mobile|airmail|windows|galaxy)"
    r".{0,60}[^.]|sent from my (iphone|ipad|cell|htc|samsung|android|mobile|phone|windows).{0,80}"
    r"|get \[?outlook for .{0,60}|(sendt fra|skickat från|envoyé (de|depuis)|inviato da|enviado (desde|do)|von meinem"
    r"|verzonden (met|vanaf)|wysłane z|отправлено с) .{1,60}"
    r"|[发来]自\s*(我的|outlook|foxmail|网易|qq|iphone|ipad|android|华为|小米).{0,40}|从我的.{0,30}发送|发送自.{0,40}|從我的.{0,30}傳送"
    r"|(获取|取得) \[?outlook for .{0,60}|从 outlook for .{0,20}获取.{0,40}|签名由.{0,40}定制|\|[\s|]*"
    r"|(保密|免责)(声明|提示)\s*[:：].{0,190}|本(电子)?邮件.{0,20}(保密|机密).{0,160})$",
    re.IGNORECASE,
)
_DASHED_NAME = re.compile(r"^\s*-{1,2}\s?[A-Z][a-z]+ [A-Z][a-z]+\s*$")
_REGARDS = re.compile(
    r"^\s*((many )?thanks( you)?|thank you|(kind |best |warm )?regards|best( wishes)?|sincerely|yours.{0,20}|cheers"
    r"|此致|敬上|敬礼|谨启|盼复|(顺祝|顺颂)?(商|时|夏|冬|春|秋)[祺安]|祝(您|你)?(们)?(一切)?(安?好|安|工作顺利|工作愉快|生活愉快)"
    r"|(多|非常)?(谢谢|感谢|謝謝)(您|你|大家)?(们)?)\W*$",
    re.IGNORECASE,
)
_ADDRESS_ALONE = re.compile(r"^\s*[^\s@]{1,64}@[^\s@]{1,255}\s*$")
_ADDRESS_FIRST = re.compile(r"^\s*<[^<>@\s]{1,100}@[^<>\s]{1,200}>")
_SIGNATURE_LINES = 15
_REGARDS_LINES = 2  # 此致, and 敬礼 below it


def split(text: str, sender: str = "") -> Split:
    """Take a reply apart. `sender` is the name that the mail gives its sender; a line with it may begin a signature."""
    lines = text.split("\n")[:LINES]
    marks = [line.replace("&nbsp;", " ").replace("\u3000", " ") for line in lines]  # QQ Mail's plain text has entities
    above: list[str] = []
    quoted: list[str] = []
    at = 0
    while at < len(lines):
        if lines[at].lstrip().startswith(">"):
            quoted.append(lines[at])
        elif length := _attribution(marks, at):
            quoted += lines[at : at + length]
            # Marked words below it can be told from answers between them; unmarked ones go to the end.
            rest = next((line for line in lines[at + length :] if line.strip()), "")
            if not rest.lstrip().startswith(">"):
                quoted += lines[at + length :]
                break
            at += length - 1
        else:
            above.append(lines[at])
        at += 1
    mark = _signature_at(above, sender)
    return Split("\n".join(above[:mark]).strip(), "\n".join(above[mark:]).strip(), "\n".join(quoted).strip())


def _attribution(lines: list[str], n: int) -> int:
    """How many lines at `n` say that somebody else's words follow; 0 for none."""
    line = lines[n]
    if not line.strip() or len(line) > 400:
        return 0
    if any(pattern.match(line) for pattern in _BEGINS) or (_CLOSES.search(line) and _DATED.search(line)):
        return 1
    below = lines[n + 1] if n + 1 < len(lines) else ""
    if _ADDRESS_FIRST.match(below) and _CLOSES.search(
        below
    ):  # the name was too long for the address to stand beside it
        return 2
    if _HEADER.match(line) and _letterhead(lines[n : n + 7]):
        return 1
    if _RULE.match(line):
        said = [other for other in lines[n + 1 : n + 4] if other.strip()]
        return 1 if said and _HEADER.match(said[0]) else 0
    # "On Tuesday ... somebody" broken over lines, "wrote:" at the end of the second or third.
    if _OPENS.match(line):
        for more, other in enumerate(lines[n + 1 : n + 3], start=2):
            if len(other) < 400 and _CLOSES.search(other):
                return more
    return _above_quoted(lines, n)


def _letterhead(lines: list[str]) -> bool:
    """Whether these lines are the head of a mail. One in Chinese names subject or hour: a parcel has a sender too."""
    others = [line for line in lines[1:5] if _HEADER.match(line)]
    if _HAN.search(lines[0]):
        return bool(others) and any(_OF_A_MAIL.match(line) for line in lines)
    return len(others) >= 2


def _above_quoted(lines: list[str], n: int) -> int:
    """How many lines at `n` end with a colon, name a time or an address, and stand right above quoted lines."""
    for more in (1, 2, 3):
        here = lines[n : n + more]
        if any(not line.strip() or line.lstrip().startswith(">") for line in here):
            return 0
        if here and here[-1].rstrip().endswith((":", "：")) and _DATED.search(here[0]):
            below = next((line for line in lines[n + more : n + more + 3] if line.strip()), "")
            return more if below.lstrip().startswith(">") else 0
    return 0


def _signature_at(lines: list[str], sender: str) -> int:
    """Where the signature begins; the number of lines when there is none."""
    said = [n for n, line in enumerate(lines) if line.strip()]
    for n in said[-_SIGNATURE_LINES:]:
        marked = _SIGNATURE.match(lines[n]) or _DASHED_NAME.match(lines[n]) or _is_address(lines, n)
        named = _is_name(lines, n, sender)
        if len(lines[n]) < 200 and (marked or named):
            return _regards_above(lines, n) if named else n
    return len(lines)


def _regards_above(lines: list[str], n: int) -> int:
    """Where the closing phrase above a name begins; the name itself when there is none, or nothing else was said."""
    said = [m for m in range(n) if lines[m].strip()]
    phrases = 0
    while phrases < min(_REGARDS_LINES, len(said) - 1) and _REGARDS.match(lines[said[-1 - phrases]]):
        phrases += 1
    return said[-phrases] if phrases else n


def _is_address(lines: list[str], n: int) -> bool:
    """Whether a line below a gap is an address and nothing else."""
    return n > 0 and not lines[n - 1].strip() and bool(_ADDRESS_ALONE.match(lines[n]))


def _is_name(lines: list[str], n: int, sender: str) -> bool:
    """Whether a line is the sender's name, below a gap or a closing phrase."""
    line = lines[n].strip(" ,.-–—").casefold()
    name = sender.strip().casefold()
    if len(name) < 2 or not line or n == 0:
        return False
    named = (
        line == name or (len(line) >= 3 and name.startswith(line + " ")) or (len(line) < 60 and line.startswith(name))
    )
    return named and (not lines[n - 1].strip() or bool(_REGARDS.match(lines[n - 1])))
