"""A letter as a mail: plain text and clean HTML, assembled by hand because EmailMessage costs ten times as much."""

import re
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from html import escape
from time import time

_SAFE_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_ATOMS = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+")
_MESSAGE_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")
_URL = re.compile(r"https?://[^\s<>\"“”，。；（）]+[^\s<>\"“”，。；（）.,;)]")
# A case's number, outside of links. The look behind stands after the plain letters because those are found fast.
_NUMBER = re.compile(r"AM-(?<=[\s(（号]AM-)[0-9A-Z]{10}\b")
_STYLE = (
    "margin:0 auto;max-width:40em;padding:16px;color:#1d2b2b;background:#fff;"
    "font:16px/1.65 Georgia,'Songti SC','Noto Serif CJK SC',serif"
)

_LARGE = _STYLE.replace("16px/", "24px/")


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail needs. `kind_automatic` marks mails that no person wrote (RFC 3834)."""

    message_id: str
    sender: str
    reply_to: str
    address: str
    name: str | None
    subject: str
    text: str
    html_lang: str
    automatic: bool
    thread: Sequence[str]
    large: bool = False


def safe_address(address: str) -> str | None:
    """The address as it may stand in an envelope, its domain in ASCII; None when it is no deliverable one."""
    local, _, domain = address.strip().rpartition("@")
    try:
        plain = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return None
    return plain if _SAFE_ADDRESS.fullmatch(plain) else None


def word(text: str) -> str:
    """Header text: as it is when it is plain ASCII, otherwise in encoded words of at most 75 characters (RFC 2047)."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text
    octets, words, start = text.encode("utf-8", "replace"), [], 0
    while start < len(octets):
        end = min(start + 42, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # never within a character
            end -= 1
        words.append(octets[start:end])
        start = end
    return "\r\n ".join(f"=?utf-8?b?{b64encode(w).decode()}?=" for w in words)


def folded(text: str) -> str:
    """Plain header text in lines of bearable length."""
    if len(text) <= 66 or text.startswith("=?"):
        return text
    lines, line = [], ""
    for piece in text.split(" "):
        if line and len(line) + len(piece) > 66:
            lines.append(line)
            line = piece
        else:
            line = f"{line} {piece}" if line else piece
    return "\r\n ".join([*lines, line])


def _recipient(name: str | None, address: str) -> str:
    if not name:
        return address
    shown = word(name)
    if shown.isascii() and "=?" not in shown and not _ATOMS.fullmatch(shown):
        shown = '"' + re.sub(r'(["\\])', r"\\\1", shown) + '"'
    return f"{shown} <{address}>"


def html(text: str, subject: str, html_lang: str, *, large: bool = False) -> str:
    """The letter as a page without anything from elsewhere: paragraphs, and its own link if there is one."""
    shown = escape(text.strip(), quote=True)
    if "http" in shown:
        shown = _URL.sub(r'<a href="\g<0>">\g<0></a>', shown)
    shown = _NUMBER.sub(r'<span style="white-space:nowrap">\g<0></span>', shown)
    body = "</p>\n<p>".join([block.replace("\n", "<br>\n") for block in shown.split("\n\n")])
    return (
        f'<!doctype html>\n<html lang="{html_lang}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(subject)}</title></head>\n'
        f'<body style="{_LARGE if large else _STYLE};overflow-wrap:anywhere">\n<p>{body}</p>\n</body></html>\n'
    )


def _part(kind: str, text: str) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    if text.isascii() and len(max(lines, key=len)) <= 900:
        return f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + "\r\n".join(lines)
    encoded = b2a_base64(text.encode("utf-8", "replace"), newline=False).decode()
    wrapped = "\r\n".join([encoded[n : n + 76] for n in range(0, len(encoded), 76)])
    return f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{wrapped}\r\n"


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def build(mail: Mail) -> bytes:
    """The whole mail, CRLF line ends. Nothing in a letter can add a header: line breaks do not survive in one."""
    boundary = f"=_{mail.message_id.strip('<>').replace('@', '.')[:56]}"
    thread = [t for t in mail.thread if _MESSAGE_ID.fullmatch(t)]
    headers = [
        f"From: {mail.sender}",
        f"To: {_recipient(mail.name, mail.address)}",
        f"Reply-To: {mail.reply_to}",
        f"Subject: {folded(word(mail.subject))}",
        f"Date: {_date(int(time()))}",
        f"Message-ID: {mail.message_id}",
    ]
    if thread:
        headers += [f"In-Reply-To: {thread[-1]}", "References: " + "\r\n ".join(thread)]
    if mail.automatic:
        headers += ["Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All"]
    headers += [
        f"Content-Language: {mail.html_lang}",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
    ]
    page = html(mail.text, mail.subject, mail.html_lang, large=mail.large)
    parts = f"\r\n--{boundary}\r\n".join(["", _part("text/plain", mail.text), _part("text/html", page)])
    return ("\r\n".join(headers) + "\r\n" + parts + f"\r\n--{boundary}--\r\n").encode("ascii", "replace")
