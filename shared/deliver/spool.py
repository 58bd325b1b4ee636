"""Letters for a printer: a folder into which each is put whole, with a note beside it saying where it goes.

    <id>.json   {"id", "to", "reference"}      <id>.pdf   the letter

The note stands there before the letter does, and each appears under its name when all of it is on the disk: whoever
takes away a PDF finds the note, never half of either. The same letter again replaces itself.
"""

import asyncio
import os
from pathlib import Path
from uuid import UUID

from shared.base import sql

from .ledger import Outcome


class Spool:
    """The folder. It has to exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, id_: UUID, to: str, pdf: bytes, *, reference: str) -> Outcome:
        """Put one letter there. What the disk refuses may be tried again."""
        note = sql.to_json({"id": str(id_), "to": to, "reference": reference}).encode()
        try:
            await asyncio.to_thread(self._put, str(id_), note, pdf)
        except OSError as error:
            return Outcome("retry", detail=f"not spooled: {os.strerror(error.errno) if error.errno else 'no folder'}")
        return Outcome("sent")

    def _put(self, name: str, note: bytes, pdf: bytes) -> None:
        for ending, content in (("json", note), ("pdf", pdf)):
            part = self._folder / f".{name}.{ending}"
            with part.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            part.rename(self._folder / f"{name}.{ending}")
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
