"""A mail's bytes to what it says: headers, words, files, and the signs of machines. Pure, and run in a worker process.

The standard library's parser raises on some real mail. Every step here stands on its own: a step that fails leaves its
field empty and its name in `defects`, so that any bytes give a Mail.
"""

import email
import email.utils
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import TypeVar

from . import mailtext

T = TypeVar("T")
PARTS = 500
FILES, FILE_BYTES = 10, 25_000_000
TEXT_CHARS = 2_000_000
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEADER_LINE = re.compile(rb"(From |[!-9;-~]{1,100}[ \t]*:)")
_SPACE_BEFORE_COLON = re.compile(rb"^([!-9;-~]{1,100})[ \t]+:")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]]{1,64}@[^\s<>,;:\"()\[\]]{1,255}")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_SMTP_CODE = re.compile(r"\b([45]\d\d)[ -]")
_BY = re.compile(r"\bby\s+([A-Za-z0-9.\-]{1,255})", re.IGNORECASE)
_ROBOTS = re.compile(r"^(mailer-daemon|postmaster|mail-daemon|bounce[sd]?)\b", re.IGNORECASE)
_FAILED = re.compile(
    r"undeliver|returned mail|delivery (status|fail)|failure notice|mail delivery|could not be delivered|退信|投递失败",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"^\W*(out of (the )?office|automatic reply|auto(matic)?[- ]?(reply|response)|autoreply|abwesen|自动(回复|答复))",
    re.IGNORECASE,
)


@dataclass(slots=True)
class File:
    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(slots=True)
class Bounce:
    """A delivery report: which of our Message-IDs came back, the RFC 3463 status, and for whom."""

    message_id: str | None
    status: str
    permanent: bool
    recipient: str | None


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
    bounce: Bounce | None = None
    marked_spam: bool = False
    wrapper: str = ""
    content_hash: str = ""
    defects: list[str] = field(default_factory=list)


def parse(raw: bytes) -> Mail:
    """The Mail of any bytes. Never raises for content; memory and time are the worker's to bound."""
    mail = Mail()
    raw = _without_broken_lines(mail, raw)
    message = _step(mail, "structure", lambda: email.message_from_bytes(raw), None)
    if message is None:
        message = email.message_from_bytes(raw.partition(b"\n\n")[0][:100_000] + b"\n\n")
        mail.text = mail.fresh = mailtext.decode(raw.partition(b"\n\n")[2][:TEXT_CHARS], None)
    _step(mail, "headers", lambda: _headers(mail, message), None)
    _step(mail, "received", lambda: _received(mail, message), None)
    none: list[Message] = []
    parts = _step(mail, "parts", lambda: list(_walk(message)), none)
    _step(mail, "body", lambda: _body(mail, parts), None)
    _step(mail, "bounce", lambda: _bounce(mail, message, parts), None)
    _step(mail, "automatic", lambda: _automatic(mail, message), None)
    _step(mail, "quotes", lambda: _take_apart(mail), None)
    mail.content_hash = _content_hash(mail)
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


def _values(message: Message, name: str) -> list[str]:
    # raw_items does not decode, so it does not raise where Message.get does.
    return [mailtext.header(value) for key, value in message.raw_items() if key.lower() == name]


def _value(message: Message, name: str) -> str:
    return next(iter(_values(message, name)), "")


def _headers(mail: Mail, message: Message) -> None:
    mail.subject = _value(message, "subject")[:1000]
    mail.message_id = next(iter(_MESSAGE_ID.findall(_value(message, "message-id"))), "")
    ids = [i for name in ("in-reply-to", "references") for v in _values(message, name) for i in _MESSAGE_ID.findall(v)]
    mail.replies_to = tuple(dict.fromkeys(ids))[:100]
    mail.sender_name, mail.sender = _address(_value(message, "from") or _value(message, "sender"))
    names = ("to", "cc", "delivered-to", "x-original-to")
    found = (a.lower() for name in names for v in _values(message, name) for a in _ADDRESS.findall(v))
    mail.recipients = tuple(dict.fromkeys(found))[:50]
    mail.date = _moment(_value(message, "date"))
    flag = _value(message, "x-spam-flag").lower() + _value(message, "x-spam-status").lower()[:3]
    mail.marked_spam = flag.startswith("yes")


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


def _received(mail: Mail, message: Message) -> None:
    top = _value(message, "received")
    if by := _BY.search(top):
        mail.received_by = by[1].lower().rstrip(".")
        mail.received_at = _moment(top.rpartition(";")[2].strip())


def _walk(message: Message) -> Iterator[Message]:
    """The leaves, at most PARTS; an attached message is a leaf. Without recursion: depth is the sender's choice."""
    stack, seen = [message], 0
    while stack and seen < PARTS:
        part = stack.pop()
        seen += 1
        inner = part.get_payload()
        if (
            part.get_content_type() == "message/rfc822"
            or not isinstance(inner, list)
            or part.get_content_maintype() == "message"
        ):
            yield part
        else:
            stack.extend(reversed([p for p in inner if isinstance(p, Message)]))


def _body(mail: Mail, parts: list[Message]) -> None:
    plain: list[str] = []
    html: list[str] = []
    room = FILE_BYTES
    for part in parts:
        kind = part.get_content_type()
        name = _step(mail, "file name", lambda part=part: _file_name(part), "")  # type: ignore[misc]
        disposition = str(part.get("content-disposition") or "").lower().lstrip()
        if kind.startswith("text/") and not disposition.startswith("attachment") and not name:
            text = mailtext.decode(_bytes(part), _charset(part))
            (html if kind == "text/html" else plain).append(text[:TEXT_CHARS])
            continue
        if kind in ("message/delivery-status", "text/rfc822-headers", "application/pgp-encrypted"):
            mail.wrapper = "pgp" if kind == "application/pgp-encrypted" else mail.wrapper
            continue
        if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
            mail.wrapper = "smime"
        content = _bytes(part)
        if not content and not name:
            continue
        if len(mail.files) >= FILES or len(content) > room:
            mail.files_left_out += 1
            continue
        room -= len(content)
        mail.files.append(File(name or f"attachment-{len(mail.files) + 1}", kind, content))
    words = "\n\n".join(t for t in plain if t.strip()).strip()
    mail.text = (words or mailtext.from_html("\n".join(html)) or mail.text)[:TEXT_CHARS]


def _file_name(part: Message) -> str:
    name = part.get_filename() or ""
    text = mailtext.header(name).replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in text if char.isprintable()).strip(". ")[:200]


def _charset(part: Message) -> str | None:
    value = part.get_param("charset")
    return value if isinstance(value, str) else str(value[2]) if isinstance(value, tuple) else None


def _bytes(part: Message) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list):
        return b"\n".join(p.as_bytes() for p in inner if isinstance(p, Message))
    try:
        data = part.get_payload(decode=True)
    except Exception:  # an unknown transfer encoding or broken base64: what was sent stands
        data = None
    if isinstance(data, bytes):
        return data
    return str(inner or "").encode("utf-8", "surrogateescape")


def _bounce(mail: Mail, message: Message, parts: list[Message]) -> None:
    reports = [p for p in parts if p.get_content_type() == "message/delivery-status"]
    robot = bool(_ROBOTS.match(mail.sender.partition("@")[0])) or _value(message, "return-path").strip() == "<>"
    if not reports and not (robot and _FAILED.search(f"{mail.subject} {mail.sender_name}")):
        return
    report = "\n".join(str(p.as_string()) for p in reports)[:100_000]
    told = report or mail.text[:100_000]
    status = _STATUS.search(told) or _STATUS.search(mail.text[:100_000])
    code = _SMTP_CODE.search(told)
    where = status[1] if status else f"{code[1][0]}.0.0" if code else "5.0.0"
    recipient = re.search(r"(?:final|original)-recipient\s*:[^;\n]*;\s*(\S{3,320})", report, re.IGNORECASE)
    returned = [p for p in parts if p.get_content_type() in ("message/rfc822", "text/rfc822-headers")]
    original = "\n".join(_bytes(p)[:100_000].decode("latin-1") for p in returned) or mail.text[:200_000]
    found = re.search(r"^[>\s]*message-id:\s*(<[^<>\s]{1,250}>)", original, re.IGNORECASE | re.MULTILINE)
    address = recipient[1].strip("<>").lower() if recipient else None
    delayed = bool(re.search(r"^action\s*:\s*delayed", report, re.IGNORECASE | re.MULTILINE))
    mail.bounce = Bounce(found[1] if found else None, where, where.startswith("5") and not delayed, address)


def _automatic(mail: Mail, message: Message) -> None:
    submitted = _value(message, "auto-submitted").lower().partition(";")[0].strip()
    if submitted == "auto-replied":
        mail.automatic = "Auto-Submitted"
    elif submitted.startswith("auto") and mail.replies_to:
        mail.automatic = "Auto-Submitted, in reply"
    elif any(_value(message, name) for name in ("x-autoreply", "x-autorespond", "x-auto-reply")):
        mail.automatic = "X-Autoreply"
    elif _value(message, "precedence").lower() in ("auto_reply", "auto-reply"):
        mail.automatic = "Precedence"
    elif _AWAY.match(mail.subject):
        mail.automatic = "subject"


def _take_apart(mail: Mail) -> None:
    parts = mailtext.split(mail.text)
    mail.fresh, mail.quoted = parts.fresh, parts.quoted


def _content_hash(mail: Mail) -> str:
    digest = hashlib.sha256()
    date = mail.date.isoformat() if mail.date else ""
    for value in (mail.sender, date, mail.subject, mail.text):
        digest.update(value.encode("utf-8", "replace") + b"\x00")
    for file in mail.files:
        digest.update(hashlib.sha256(file.content).digest())
    return digest.hexdigest()
