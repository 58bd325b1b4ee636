"""What is new in a reply: quoted text and signatures taken apart by the marks that mail clients leave. Pure.

Nothing is thrown away: the three parts together have every word. The accuracy on real replies is measured in
tests/unit/test_intake_quotes.py.
"""

from dataclasses import dataclass

from services.intake.replymarks import (
    ADDRESS_ALONE,
    ADDRESS_FIRST,
    ADDRESSED,
    BEGINS,
    CLOSES,
    DASHED_NAME,
    DATED,
    HAN,
    HEADER,
    OF_A_MAIL,
    OPENS,
    REGARDS,
    RULE,
    SIGNATURE,
    SUBJECT,
)


@dataclass(frozen=True, slots=True)
class Split:
    """A mail's text taken apart: what the sender wrote now, their signature, and what is quoted."""

    fresh: str
    signature: str
    quoted: str


LINES = 20_000
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
    if any(pattern.match(line) for pattern in BEGINS):
        return 1
    if line.rstrip()[-1] in ":：" and (ADDRESSED.match(line) or (CLOSES.search(line) and DATED.search(line))):
        return 1
    below = lines[n + 1] if n + 1 < len(lines) else ""
    if ADDRESS_FIRST.match(below) and CLOSES.search(below):
        return 2  # the name was too long for the address to stand beside it
    if HEADER.match(line) and _letterhead(lines[n : n + 7]):
        return 1
    if RULE.match(line):
        said = [other for other in lines[n + 1 : n + 4] if other.strip()]
        return 1 if said and HEADER.match(said[0]) else 0
    # "On Tuesday ... somebody" broken over lines, "wrote:" at the end of the second or third.
    if OPENS.match(line):
        for more, other in enumerate(lines[n + 1 : n + 3], start=2):
            if len(other) < 400 and CLOSES.search(other):
                return more
    return _above_quoted(lines, n)


def _letterhead(lines: list[str]) -> bool:
    """Whether these lines are the head of a mail, which names subject, address or hour: a parcel has a sender too."""
    others = [line for line in lines[1:5] if HEADER.match(line)]
    if HAN.search(lines[0]):
        return bool(others) and any(OF_A_MAIL.match(line) for line in lines)
    told = any(SUBJECT.match(line) or DATED.search(line) for line in lines[:1] + others)
    return len(others) >= 2 and told


def _above_quoted(lines: list[str], n: int) -> int:
    """How many lines at `n` end with a colon, name a time or an address, and stand right above quoted lines."""
    for more in (1, 2, 3):
        here = lines[n : n + more]
        if any(not line.strip() or line.lstrip().startswith(">") for line in here):
            return 0
        if here and here[-1].rstrip().endswith((":", "：")) and DATED.search(here[0]):
            below = next((line for line in lines[n + more : n + more + 3] if line.strip()), "")
            return more if below.lstrip().startswith(">") else 0
    return 0


def _signature_at(lines: list[str], sender: str) -> int:
    """Where the signature begins; the number of lines when there is none."""
    said = [n for n, line in enumerate(lines) if line.strip()]
    for n in said[-_SIGNATURE_LINES:]:
        if len(lines[n]) >= 200:
            continue
        if SIGNATURE.match(lines[n]) or DASHED_NAME.match(lines[n]) or _is_address(lines, n):
            return _regards_above(lines, n) if sender else n
        if _is_name(lines, n, sender):
            return _regards_above(lines, n)
    return len(lines)


def _regards_above(lines: list[str], n: int) -> int:
    """Where the closing phrase above a name begins; the name itself when there is none, or nothing else was said."""
    said = [m for m in range(n) if lines[m].strip()]
    phrases = 0
    while phrases < min(_REGARDS_LINES, len(said) - 1) and REGARDS.match(lines[said[-1 - phrases]]):
        phrases += 1
    return said[-phrases] if phrases else n


def _is_address(lines: list[str], n: int) -> bool:
    """Whether a line below a gap is an address and nothing else."""
    return n > 0 and not lines[n - 1].strip() and bool(ADDRESS_ALONE.match(lines[n]))


def _is_name(lines: list[str], n: int, sender: str) -> bool:
    """Whether a line is the sender's name, with what stands behind it, below a gap or a closing phrase."""
    line = lines[n].strip(" ,.-–—*").casefold()
    name = sender.strip().casefold()
    if len(name) < 2 or not line or n == 0:
        return False
    closed = bool(REGARDS.match(lines[n - 1]))
    parts, words = name.split(), line.split()
    named = (
        line == name
        or (len(line) >= 3 and name.startswith(line + " "))
        or (len(line) < 60 and line.startswith(name))
        # Without the title of "Dr Jo Banks"; "Jo B." for "Jo Banks"
        or (len(words) > 1 and parts[-len(words) :] == words)
        or (len(words) == len(parts) == 2 and words[0] == parts[0] and parts[1].startswith(words[1]))
    )
    return named and (not lines[n - 1].strip() or closed)
