"""Files of posts and mails as they are kept with a complaint: the same rules for whatever way they came.

A post with a file that cannot be taken is refused, and its channel sends another. A mail is never refused: a text says
in the file's place what was left out and why, and the mail as it came keeps it. Files of pages: `api/site.py`.
"""

import asyncio
import base64
import binascii
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from shared.base.errors import Problem
from shared.base.uploads import MOST_BYTES, UNKNOWN, Refused, keep, pixels, safe_name

from .entry import Stored
from .mail import File, Mail
from .requests import AttachmentIn, wrong

# CPU seconds for the pictures of one mail, and more for each megabyte of them: a photo of 12 million pixels has about
# three and takes 0.4 s. A mail that says in few bytes that it holds huge pictures gets no more.
SECONDS, SECONDS_A_MEGABYTE = 0.5, 0.4
PIXELS_A_SECOND = 40_000_000
_REFUSED = {
    "program": ("programs are not taken", "不接收程序文件"),
    "picture": ("it is a picture that cannot be written anew", "这张图片无法重新保存"),
}
_TOO_MUCH = ("it is a picture too large to be prepared", "图片过大，无法处理")


@dataclass(frozen=True, slots=True)
class Cleaning:
    """Two at a time: a large picture takes its pixels' memory."""

    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def of_post(self, given: Sequence[AttachmentIn], owner: UUID) -> tuple[Stored, ...]:
        """The attached files. Raises Problem for broken base64, what cannot be taken, and more than 25 MB together."""
        contents, room = [], MOST_BYTES
        for n, one in enumerate(given):
            try:
                contents.append(base64.b64decode(one.content, validate=True))
            except (binascii.Error, ValueError):
                raise wrong(f"/attachments/{n}/content", "is not base64") from None
            room -= len(contents[-1])
            if room < 0:
                raise Problem(413, "Content too large", "At most 25 MB of files.")
        stored = []
        for n, (one, content) in enumerate(zip(given, contents, strict=True)):
            try:
                async with self._slots:
                    file = await asyncio.to_thread(keep, one.name, content, one.media_type)
            except Refused as refusal:
                raise wrong(f"/attachments/{n}/content", _REFUSED[refusal.why][0]) from None
            came_as = hashlib.sha256(content).digest()
            id, kept = uuid5(owner, f"file {n}"), bytes.fromhex(file.sha256)
            stored.append(Stored(id, file.name, file.media_type, file.content, kept, came_as))
        return tuple(stored)

    async def of_mail(self, mail: Mail) -> None:
        """Put in the place of a mail's files what is kept of them. The mail's identity is made before, and stays."""
        async with self._slots:
            await asyncio.to_thread(_clean, mail)


def _clean(mail: Mail) -> None:
    size = sum(len(file.content) for file in mail.files)
    until = time.thread_time() + SECONDS + SECONDS_A_MEGABYTE * size / 1e6
    mail.files[:] = [_kept(file, until - time.thread_time()) for file in mail.files]


def _kept(file: File, seconds: float) -> File:
    """A file as it is kept; `seconds` is the time that is left for pictures."""
    try:
        if pixels(file.content) / PIXELS_A_SECOND > max(seconds, 0):
            return _left_out(file, _TOO_MUCH)
        kept = keep(file.name, file.content, file.media_type)
    except Refused as refusal:
        return _left_out(file, _REFUSED[refusal.why])
    # What no signature tells is kept under what the mail says, unless a browser would run it.
    told = file.media_type if kept.media_type == UNKNOWN and _harmless(file.media_type) else kept.media_type
    return File(kept.name, told, kept.content)


def _harmless(media_type: str) -> bool:
    return media_type.startswith("application/") and "html" not in media_type and "script" not in media_type


def _left_out(file: File, why: tuple[str, str]) -> File:
    digest = hashlib.sha256(file.content).hexdigest()
    words = (
        f"{safe_name(file.name)}\n\nThis file was left out: {why[0]}. The mail as it came is kept, with it.\n"
        f"这个文件没有附上：{why[1]}。原邮件连同该文件均已保存。\n\n{len(file.content)} bytes, SHA-256 {digest}\n"
    )
    return File(safe_name(f"{file.name} (left out).txt"), "text/plain", words.encode())
