"""The process in which mail is parsed: `python -m services.intake.mailworker MEMORY SECONDS`.

It reads frames from standard input and writes one to standard output for each: four bytes of length, then the bytes.
A request is a mail; an answer is a JSON head, a zero byte, and the files' bytes one after another. Hostile mail can
make this process die, and nothing else: memory and time are limited, and it holds no connection and no secret.
"""

import dataclasses
import json
import resource
import signal
import sys
from datetime import datetime
from typing import Any, BinaryIO

from . import mail
from .mailsigns import Bounce

LENGTH = 4


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame; None at the end of the stream."""
    head = stream.read(LENGTH)
    if len(head) < LENGTH:
        return None
    return stream.read(int.from_bytes(head, "big"))


def write_frame(stream: BinaryIO, data: bytes) -> None:
    stream.write(len(data).to_bytes(LENGTH, "big"))
    stream.write(data)
    stream.flush()


def pack(parsed: mail.Mail) -> bytes:
    """A Mail as one frame."""
    head = dataclasses.asdict(dataclasses.replace(parsed, files=[]))
    head["files"] = [[file.name, file.media_type, len(file.content)] for file in parsed.files]
    body = json.dumps(head, default=lambda value: value.isoformat()).encode()
    return b"\x00".join((body, b"".join(file.content for file in parsed.files)))


def unpack(frame: bytes) -> mail.Mail:
    """The Mail of a frame."""
    head, _, content = frame.partition(b"\x00")
    fields: dict[str, Any] = json.loads(head)
    files, at = [], 0
    for name, media_type, size in fields.pop("files"):
        files.append(mail.File(name, media_type, content[at : at + size]))
        at += size
    for name in ("date", "received_at"):
        fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
    for name in ("replies_to", "recipients"):
        fields[name] = tuple(fields[name])
    fields["bounce"] = Bounce(**fields["bounce"]) if fields["bounce"] else None
    return mail.Mail(files=files, **fields)


class OutOfTime(BaseException):
    """Not an Exception: nothing in the parsing may take it for a broken part."""


class Slow(BaseException):
    """The parsing takes longer than mail of this size should; the headers and the text can still be had."""


def _too_long(*_: object) -> None:
    raise OutOfTime


def _slow(*_: object) -> None:
    raise Slow


# CPU seconds that mail of up to a mebibyte may take before it is only skimmed; more for more.
SLOW = 0.25


# Up to this size a mail has `seconds`; more has so much more.
LARGE = 8 << 20


def allowed(size: int, seconds: float) -> float:
    """The waiting time for a mail of `size` bytes."""
    return seconds * max(1.0, size / LARGE)


def understand(raw: bytes, seconds: float) -> mail.Mail:
    """The mail, skimmed when it would keep a parser busy or fill the memory. Raises OutOfTime when even that does."""
    most = allowed(len(raw), seconds)
    signal.setitimer(signal.ITIMER_REAL, most)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, min(SLOW * max(1.0, 0.85 + 0.15 * len(raw) / (1 << 20)), most / 2))
        return mail.parse(raw)
    except (Slow, MemoryError):
        return mail.skim(raw)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(memory: int, seconds: float) -> None:
    """Parse until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when to stop; it closes the pipe
    signal.signal(signal.SIGALRM, _too_long)
    signal.signal(signal.SIGVTALRM, _slow)
    while (raw := read_frame(sys.stdin.buffer)) is not None:
        try:
            answer = pack(understand(raw, seconds))
        except (OutOfTime, Slow, MemoryError) as limit:
            answer = json.dumps({"limit": type(limit).__name__}).encode()
        write_frame(sys.stdout.buffer, answer)
        del raw, answer


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
