"""The parts of a parsed mail, and its headers, read without trusting any of them. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from email.message import Message
from email.utils import collapse_rfc2231_value

from . import mailtext

PARTS = 500
HEADERS = 2000


class Headers:
    """A message's headers by their names in small letters: the first HEADERS of them, decoded when asked for."""

    def __init__(self, message: Message) -> None:
        self._raw: dict[str, list[str]] = defaultdict(list)
        # raw_items does not decode, so it does not raise where Message.get does.
        for n, (name, value) in enumerate(message.raw_items()):
            if n == HEADERS:
                break
            self._raw[name.lower()].append(value)

    def all(self, name: str) -> list[str]:
        """Every value of a header, in their order."""
        return [mailtext.header(value) for value in self._raw.get(name, ())]

    def get(self, name: str) -> str:
        """The first value of a header, empty when it is not there."""
        return next(iter(self.all(name)), "")

    def __contains__(self, name: str) -> bool:
        return name in self._raw


def walk(message: Message) -> Iterator[Message]:
    """The leaves, at most PARTS; an attached message is a leaf. Without recursion: depth is the sender's choice."""
    stack, seen = [message], 0
    while stack and seen < PARTS:
        part = stack.pop()
        seen += 1
        inner = part.get_payload()
        if part.get_content_maintype() == "message" or not isinstance(inner, list):
            yield part
        else:
            stack.extend(reversed([p for p in inner if isinstance(p, Message)]))


def parameter(part: Message, name: str, header: str = "content-type") -> str:
    """A parameter of a header as text, in small letters; empty when it is not there."""
    value = part.get_param(name, header=header)
    text = collapse_rfc2231_value(value) if isinstance(value, tuple) else value
    return text.strip().lower() if isinstance(text, str) else ""


def _readable(part: Message) -> Message:
    """The part's describing headers; bytes that stand in them as they are become text, which the parser gives up."""
    raw = [(name, value) for name, value in part.raw_items() if name.lower() in ("content-type", "content-disposition")]
    if all(str(value).isascii() for _, value in raw):
        return part
    readable = Message()
    for name, value in raw:
        readable[name] = mailtext.header(value)
    return readable


def file_name(part: Message) -> str:
    """The name of an attached file without folders and control characters; empty when it has none.

    RFC 2231 says how it is written, mail clients write RFC 2047 words, and both occur together.
    """
    text = mailtext.header(_readable(part).get_filename() or "").replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in text if char.isprintable()).strip(". ")[:200]


def content(part: Message) -> bytes:
    """A part's bytes without its transfer encoding; what was sent where that cannot be undone."""
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
