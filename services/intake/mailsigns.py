"""Signs of machines in mail: delivery reports (RFC 3464), automatic answers (RFC 3834, and others), wrappers. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

from .mailparts import Headers, content, parameter

_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_SMTP_CODE = re.compile(r"\b([45]\d\d)[ -]")
_RECIPIENT = re.compile(r"(?:final|original)-recipient\s*:[^;\n]*;\s*(\S{3,320})", re.IGNORECASE)
_ORIGINAL_ID = re.compile(r"^[>\s]*message-id:\s*(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE)
_DELAYED = re.compile(r"^action\s*:\s*delayed", re.IGNORECASE | re.MULTILINE)
_ROBOTS = re.compile(r"^(mailer-daemon|postmaster|mail-daemon|bounce[sd]?)\b", re.IGNORECASE)
_NOBODY = re.compile(
    r"^(no-?reply|do-?not-?reply|noresponse|auto-?(reply|responder|mailer)?|robot|notification[s]?)\b", re.I
)
_FAILED = re.compile(
    r"undeliver|returned mail|delivery (status|fail)|failure notice|mail delivery|could not be delivered"
    r"|退信|投递失败|无法投递|系统退信|unzustellbar|non remis",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"^\W*(out of (the )?office|(on )?(annual leave|vacation)\b|auto(matic|mated)?[- ]?(reply|response|answer)"
    r"|autoreply|abwesen|automatische antwort|réponse automatique|respuesta automática|risposta automatica"
    r"|自动(回复|答复)|自動(回覆|回復|応答|返信)|休假自动)",
    re.IGNORECASE,
)
_ANSWERERS = ("x-autoreply", "x-autorespond", "x-auto-reply", "x-autoresponse", "x-mail-autoreply", "x-vacation")
_BULK = ("bulk", "junk", "list")


@dataclass(slots=True)
class Bounce:
    """A delivery report: which of our Message-IDs came back, the RFC 3463 status, and for whom."""

    message_id: str | None
    status: str
    permanent: bool
    recipient: str | None


def bounce(headers: Headers, parts: Sequence[Message], sender: str, subject: str, text: str) -> Bounce | None:
    """The delivery report that a mail is; None when it is none."""
    reports = [p for p in parts if p.get_content_type() == "message/delivery-status"]
    robot = bool(_ROBOTS.match(sender.partition("@")[0])) or headers.get("return-path").strip() == "<>"
    if not reports and not (robot and _FAILED.search(f"{subject} {headers.get('from')}")):
        return None
    report = "\n".join(str(p.as_string()) for p in reports)[:100_000]
    told = report or text[:100_000]
    status = _STATUS.search(told) or _STATUS.search(text[:100_000])
    code = _SMTP_CODE.search(told)
    where = status[1] if status else f"{code[1][0]}.0.0" if code else "5.0.0"
    recipient = _RECIPIENT.search(report)
    returned = [p for p in parts if p.get_content_type() in ("message/rfc822", "text/rfc822-headers")]
    original = "\n".join(content(p)[:100_000].decode("latin-1") for p in returned) or text[:200_000]
    found = _ORIGINAL_ID.search(original)
    address = recipient[1].strip("<>").lower() if recipient else None
    permanent = where.startswith("5") and not _DELAYED.search(report)
    return Bounce(found[1] if found else None, where, permanent, address)


def automatic(headers: Headers, message: Message, subject: str, *, answers: bool) -> str:
    """Why a mail is an automatic answer; empty when it is none. `answers`: it names a mail that it answers."""
    submitted = headers.get("auto-submitted").lower().partition(";")[0].strip()
    if submitted == "auto-replied":
        return "Auto-Submitted"
    if submitted.startswith("auto") and answers:
        return "Auto-Submitted, in reply"
    if found := next((name for name in _ANSWERERS if headers.get(name) and headers.get(name).lower() != "no"), ""):
        return found.title()
    if headers.get("precedence").lower() in ("auto_reply", "auto-reply"):
        return "Precedence"
    if message.get_content_type() == "multipart/report":
        kind = parameter(message, "report-type")
        if kind in ("disposition-notification", "feedback-report"):
            return kind
    if _AWAY.match(subject):
        return "subject"
    return ""


def machine(headers: Headers, sender: str) -> bool:
    """Whether anything says that no person waits for an answer (RFC 3834, section 2)."""
    submitted = headers.get("auto-submitted").lower().strip()
    return (
        (bool(submitted) and not submitted.startswith("no"))
        or headers.get("precedence").lower() in _BULK
        or headers.get("return-path").strip() == "<>"
        or any(name in headers for name in ("list-id", "list-unsubscribe", "x-auto-response-suppress", "feedback-id"))
        or bool(_NOBODY.match(sender) or _ROBOTS.match(sender.partition("@")[0]))
    )


def wrapper(message: Message, parts: Sequence[Message], text: str) -> str:
    """What a mail is wrapped in: tnef, smime, smime-signed, pgp, pgp-signed; empty for none."""
    kinds = {part.get_content_type() for part in parts}
    if kinds & {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
        return "smime"
    if "application/pgp-encrypted" in kinds or text.lstrip().startswith("-----BEGIN PGP MESSAGE-----"):
        return "pgp"
    if "application/ms-tnef" in kinds or "application/vnd.ms-tnef" in kinds:
        return "tnef"
    protocol = parameter(message, "protocol") if message.get_content_type() == "multipart/signed" else ""
    if "pkcs7" in protocol:
        return "smime-signed"
    if "pgp" in protocol or "-----BEGIN PGP SIGNED MESSAGE-----" in text:
        return "pgp-signed"
    return ""
