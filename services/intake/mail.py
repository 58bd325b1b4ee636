"""A mail's bytes to what it says: headers, words, files, and the signs of machines. Pure, and run in a worker process.

The standard library's parser raises on some real mail. Every step here stands on its own: a step that fails leaves its
field empty and its name in `defects`, so that any bytes give a Mail.
"""

import email
import email.utils
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import TypeVar

from . import mailquotes, mailsigns, mailtext
from .mailparts import Headers, content, file_name, parameter, walk
from .mailsigns import Bounce

T = TypeVar("T")
FILES, FILE_BYTES = 10, 25_000_000
TEXT_CHARS = 2_000_000
SKIMMED, SKIMMED_HEAD = "skimmed", 100_000
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEADER_LINE = re.compile(rb"(From |[!-9;-~]{1,100}[ \t]*:)")
_SPACE_BEFORE_COLON = re.compile(rb"^([!-9;-~]{1,100})[ \t]+:")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]]{1,64}@[^\s<>,;:\"()\[\]]{1,255}")
_BY = re.compile(r"\bby\s+([A-Za-z0-9.\-]{1,255})", re.IGNORECASE)


@dataclass(slots=True)
class File:
    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(slots=True)
class Mail:
    """What one mail says. Times are aware UTC, addresses in small letters; empty where the mail says nothing."""

    message_id: str = ""
    replies_to: tuple[str, ...] = ()
    sender: str = ""
    sender_name: str = ""
    recipients: tuple[str, ...] = ()
    subject: str = ""
    date: datetime | None = None
    text: str = ""
    fresh: str = ""
    quoted: str = ""
    files: list[File] = field(default_factory=list)
    files_left_out: int = 0
    received_by: str = ""
    received_at: datetime | None = None
    automatic: str = ""
    machine: bool = False
    bounce: Bounce | None = None
    marked_spam: bool = False
    wrapper: str = ""
    content_hash: str = ""
    former_hash: str = ""
    defects: list[str] = field(default_factory=list)

    @property
    def remark(self) -> str:
        """What people should know of how it was read: its wrapper, that it was skimmed, that files are left out."""
        left_out = f"{self.files_left_out} files left out" if self.files_left_out else ""
        return self.wrapper or (SKIMMED if SKIMMED in self.defects else left_out)


def parse(raw: bytes) -> Mail:
    """The Mail of any bytes. Never raises for content; memory and time are the worker's to bound."""
    mail = Mail()
    raw = _without_broken_lines(mail, raw)
    message = _step(mail, "structure", lambda: email.message_from_bytes(raw), None)
    if message is None:
        return skim(raw)
    headers = Headers(message)
    _step(mail, "headers", lambda: _headers(mail, headers), None)
    _step(mail, "received", lambda: _received(mail, headers), None)
    none: list[Message] = []
    parts = _step(mail, "parts", lambda: list(walk(message)), none)
    source = _step(mail, "body", lambda: _body(mail, parts), "")
    _step(mail, "signs", lambda: _signs(mail, headers, message, parts), None)
    _step(mail, "quotes", lambda: _take_apart(mail), None)
    _identify(mail, source)
    return mail


def skim(raw: bytes) -> Mail:
    """The headers, and everything below them as text: what is left to do with a mail that takes the parser apart."""
    mail = Mail(defects=[SKIMMED])
    end = _HEAD_END.search(raw, 0, SKIMMED_HEAD)
    head = raw[: end.start() if end else SKIMMED_HEAD]
    message = email.message_from_bytes(head + b"\n\n")
    headers = Headers(message)
    _step(mail, "headers", lambda: _headers(mail, headers), None)
    _step(mail, "received", lambda: _received(mail, headers), None)
    mail.text = mailtext.decode(raw[len(head) :][:TEXT_CHARS], None).strip()
    _step(mail, "signs", lambda: _signs(mail, headers, message, []), None)
    _step(mail, "quotes", lambda: _take_apart(mail), None)
    _identify(mail, mail.text)
    return mail


def _without_broken_lines(mail: Mail, raw: bytes) -> bytes:
    """The same mail without header lines that are none and spaces before colons.

    The parser would take everything below them for the body.
    """
    end = _HEAD_END.search(raw, 0, 10_000_000)
    head = raw[: end.start()] if end else raw[:0]
    lines = head.split(b"\n")
    good = [line for line in lines if line[:1] in (b" ", b"\t") or _HEADER_LINE.match(line)]
    good = [_SPACE_BEFORE_COLON.sub(rb"\1:", line) for line in good]
    if good == lines or len(good) * 2 < len(lines):
        return raw
    mail.defects.append("header lines mended")
    return b"\n".join(good) + raw[len(head) :]


def _step(mail: Mail, name: str, run: Callable[[], T], otherwise: T) -> T:
    try:
        return run()
    except MemoryError:
        raise
    except Exception as error:  # the parser's own mistakes come in every type: see the module's note
        mail.defects.append(f"{name}: {type(error).__name__}")
        return otherwise


def _headers(mail: Mail, headers: Headers) -> None:
    mail.subject = headers.get("subject")[:1000]
    mail.message_id = next(iter(_MESSAGE_ID.findall(headers.get("message-id"))), "")
    ids = [i for name in ("in-reply-to", "references") for v in headers.all(name) for i in _MESSAGE_ID.findall(v)]
    mail.replies_to = tuple(dict.fromkeys(ids))[:100]
    mail.sender_name, mail.sender = _address(headers.get("from") or headers.get("sender"))
    names = ("to", "cc", "delivered-to", "x-original-to")
    found = (a.lower() for name in names for v in headers.all(name)[:20] for a in _ADDRESS.findall(v))
    mail.recipients = tuple(dict.fromkeys(found))[:50]
    mail.date = _moment(headers.get("date"))
    flag = headers.get("x-spam-flag").lower() + headers.get("x-spam-status").lower()[:3]
    mail.marked_spam = flag.startswith("yes")
    mail.machine = mailsigns.machine(headers, mail.sender)


def _address(text: str) -> tuple[str, str]:
    match = _ADDRESS.search(text.rpartition("<")[2]) or _ADDRESS.search(text)
    if not match:
        return text[:200], ""
    name = text.partition("<")[0] if "<" in text else text.replace(match[0], "")
    return name.strip(" \t\"'()<>")[:200], match[0].lower().strip(".")


def _moment(text: str) -> datetime | None:
    try:
        parsed = email.utils.parsedate_to_datetime(text)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        moment = aware.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return moment if 1990 <= moment.year <= 2200 else None


def _received(mail: Mail, headers: Headers) -> None:
    top = headers.get("received")
    if by := _BY.search(top):
        mail.received_by = by[1].lower().rstrip(".")
        mail.received_at = _moment(top.rpartition(";")[2].strip())


def _body(mail: Mail, parts: list[Message]) -> str:
    """Words and files of the mail. Returned: the words as they were sent, which is HTML where there is nothing else."""
    plain: list[str] = []
    html: list[str] = []
    room = FILE_BYTES
    for part in parts:
        kind = part.get_content_type()
        name = _step(mail, "file name", lambda part=part: file_name(part), "")  # type: ignore[misc]
        if _is_text(part, kind, name):
            (html if kind == "text/html" else plain).append(_words(part)[:TEXT_CHARS])
            continue
        if kind in ("message/delivery-status", "text/rfc822-headers", "application/pgp-encrypted"):
            continue
        data = content(part)
        if not data and not name:
            continue
        if len(mail.files) >= FILES or len(data) > room:
            mail.files_left_out += 1
            continue
        room -= len(data)
        mail.files.append(File(name or _NAMES.get(kind, f"attachment-{len(mail.files) + 1}"), kind, data))
    words = "\n\n".join(t for t in plain if t.strip()).strip()
    source = words or "\n".join(html)
    mail.text = (words or mailtext.from_html(source))[:TEXT_CHARS]
    return source[:TEXT_CHARS]


_NAMES = {"text/calendar": "invitation.ics", "text/vcard": "contact.vcf", "text/x-vcard": "contact.vcf"}


def _is_text(part: Message, kind: str, name: str) -> bool:
    """Whether a part is for reading: words that were not attached as a file."""
    attached = str(part.get("content-disposition") or "").lower().lstrip().startswith("attachment")
    if kind.startswith("multipart/"):  # as a leaf it has lost its boundary, and its parts are text to us
        return True
    return kind.startswith("text/") and kind not in _NAMES and kind != "text/rfc822-headers" and not (attached or name)


def _words(part: Message) -> str:
    text = mailtext.decode(content(part), parameter(part, "charset"))
    if parameter(part, "format") == "flowed":
        return mailtext.unflow(text, delsp=parameter(part, "delsp") == "yes")
    return text


def _signs(mail: Mail, headers: Headers, message: Message, parts: list[Message]) -> None:
    mail.wrapper = mailsigns.wrapper(message, parts, mail.text)
    mail.bounce = mailsigns.bounce(headers, parts, mail.sender, mail.subject, mail.text)
    mail.automatic = mailsigns.automatic(headers, message, mail.subject, answers=bool(mail.replies_to))


def _take_apart(mail: Mail) -> None:
    parts = mailquotes.split(mail.text, mail.sender_name)
    mail.fresh, mail.quoted = parts.fresh, parts.quoted


def _identify(mail: Mail, source: str) -> None:
    """What makes it the same mail when it comes again: what was sent, which no better reading of HTML changes.

    The former hash was made of the words read out of HTML; a mail that was kept under it is known by it.
    """
    mail.content_hash = _content_hash(mail, source)
    read = mailtext.without_marks(mail.text)
    if read != source:
        mail.former_hash = _content_hash(mail, read)


def _content_hash(mail: Mail, words: str) -> str:
    digest = hashlib.sha256()
    date = mail.date.isoformat() if mail.date else ""
    for value in (mail.sender, date, mail.subject, words):
        digest.update(value.encode("utf-8", "replace") + b"\x00")
    for file in mail.files:
        digest.update(hashlib.sha256(file.content).digest())
    return digest.hexdigest()
