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
        r"^\s*-{2,}\s*(original|forwarded) (message|mail|appointment)\s*-{0,}\s*$",
        r"^\s*-{2,}\s*(原始邮件|转发邮件|原邮件|回复的邮件|转发的邮件|原始郵件|轉寄郵件).{0,40}$",
        rf"^\s*[>*]?\s*(on|at|am|le|el|il|op|den|em)\b.{{4,200}}\b({_WROTE})\b(\s*:?|.{{0,80}}:)\s*\*?$",
        r"^\s*\d{4}-\d\d-\d\d \d\d:\d\d (gmt|utc)?[+-]\d\d:?\d\d .{2,120}$",
        r"^\s*-{2,}\s*on\b.{4,200}\bwrote\s*-{2,}\s*$",
        r"^\s*在\s*.{4,200}(写道|编写|寫道)\s*[:：]?\s*$",
        r"^.{4,120}于.{4,80}写道\s*[:：]\s*$",
        r"^.{4,200}\b(написал|написала|пишет)(\(а\))?\s*:\s*$",
        r"^.{0,120}<[^<>@\s]{1,100}@[^<>\s]{1,200}>.{0,30}(wrote|写道|寫道)\s*[:：]\s*$",
        r"^[^<>]{6,120}\d{4}[^<>]{0,100}<[^<>@\s]{1,100}@[^<>\s]{1,200}>\s*:\s*$",
        r"^\s*(发件人|寄件者|寄件人)\s*[:：].{0,200}$",
        r"^\s*_{20,}\s*$",
    )
]
_HEADER = re.compile(
    r"^\s*\*?(from|sent|date|to|cc|subject|reply-to|von|gesendet|an|betreff|datum|de|envoyé|à|objet|da|inviato|data|a"
    r"|oggetto|risposta|enviado( el)?|enviada em|para|asunto|assunto|van|verzonden|aan|onderwerp|från|skickat|till|ämne"
    r"|fra|sendt|til|emne|od|wysłano|do|temat|от|отправлено|дата|кому|тема|发送时间|收件人|抄送|主题|日期|寄件日期|主旨)"
    r"\s*:\*?(\s.{0,300})?$",
    re.IGNORECASE,
)
_OPENS = re.compile(r"^\s*>?\s*(on\s.{4,200}|\d{1,2}[./]\d{1,2}[./]\d{4}.{4,200})$", re.IGNORECASE)
_CLOSES = re.compile(rf"\b({_WROTE}|写道|寫道)(\(a\))?\s*[:：]\s*$", re.IGNORECASE)
# What names a time or a writer: above quoted lines, a line or two with it and a colon at the end tell whose they are.
_DATED = re.compile(r"\b(19|20)\d\d\b|\d{1,2}[:.h]\d\d\b|[^\s<>@]+@[^\s<>]+", re.IGNORECASE)
_RULE = re.compile(r"^\s*-{10,}\s*$")
_SIGNATURE = re.compile(
    r"^\s*(--\s?|—{1,3}\s?|_{3,19}\s?|-{4,}"
    r"|[<(]*sent (from|via|with|by) (an? |my |the |yahoo|outlook|mail|proton|samsung|mobile|airmail|windows|galaxy)"
    r".{0,60}[^.]|sent from my (iphone|ipad|cell|htc|samsung|android|mobile|phone|windows).{0,80}"
    r"|get \[?outlook for .{0,60}|(sendt fra|skickat från|envoyé (de|depuis)|inviato da|enviado (desde|do)|von meinem"
    r"|verzonden (met|vanaf)|wysłane z|отправлено с) .{1,60}"
    r"|发自我的.{0,40}|来自我的.{0,40}|从我的.{0,30}发送|发送自.{0,40}|從我的.{0,30}傳送)$",
    re.IGNORECASE,
)
_DASHED_NAME = re.compile(r"^\s*-{1,2}\s?[A-Z][a-z]+ [A-Z][a-z]+\s*$")
_REGARDS = re.compile(
    r"^\s*((many )?thanks( you)?|thank you|(kind |best |warm )?regards|best( wishes)?|sincerely|yours.{0,20}|cheers"
    r"|此致|敬上|顺祝商祺|祝好|谢谢)\W*$",
    re.IGNORECASE,
)
_SIGNATURE_LINES = 15


def split(text: str, sender: str = "") -> Split:
    """Take a reply apart. `sender` is the name that the mail gives its sender; a line with it may begin a signature."""
    lines = text.split("\n")[:LINES]
    above: list[str] = []
    quoted: list[str] = []
    at = 0
    while at < len(lines):
        if lines[at].lstrip().startswith(">"):
            quoted.append(lines[at])
        elif length := _attribution(lines, at):
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
    if _HEADER.match(line) and sum(bool(_HEADER.match(other)) for other in lines[n + 1 : n + 5]) >= 2:
        return 1
    if _RULE.match(line):
        below = [other for other in lines[n + 1 : n + 4] if other.strip()]
        return 1 if below and _HEADER.match(below[0]) else 0
    # "On Tuesday ... somebody" broken over lines, "wrote:" at the end of the second or third.
    if _OPENS.match(line):
        for more, other in enumerate(lines[n + 1 : n + 3], start=2):
            if len(other) < 400 and _CLOSES.search(other):
                return more
    return _above_quoted(lines, n)


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
        marked = _SIGNATURE.match(lines[n]) or _DASHED_NAME.match(lines[n])
        if len(lines[n]) < 200 and (marked or _is_name(lines, n, sender)):
            return n - 1 if n and _is_name(lines, n, sender) and _REGARDS.match(lines[n - 1]) else n
    return len(lines)


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
