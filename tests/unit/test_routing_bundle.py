"""The case file's bytes: letters as the customer has them, the customer's own files, nobody else's name."""

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.routing.bundle import Attached, Parts, archive, document, without_third_parties

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CASE: dict[str, Any] = {
    "complaint_id": UUID(int=1), "reference": "AM-1", "state": "closed", "kind": "complaint", "channel": "web",
    "queue": "general", "customer": {"name": "Li Na", "phone": "", "email": "", "language": "en"}, "handler": None,
    "lead": None, "conflicts": {}, "decision": None, "cause": "unknown", "received_at": AT, "reopened": 0,
    "outside_decisions": [], "clocks": [],
}  # fmt: skip


def entry(kind: str, **data: Any) -> dict[str, Any]:
    return {"at": AT, "kind": kind, "actor": "customer", "data": data}


def parts() -> Parts:
    told = entry("received", text="My neighbour Arthur Pendry saw the fitter.", files=[])
    letters = [
        entry("letter_sent", letter="acknowledgement", letter_id="a", subject="Your complaint", text="Dear Li Na"),
        entry("letter_sent", letter="resolution", letter_id="b", subject="Our answer", text="Mr Pendry was right."),
    ]
    return Parts(
        CASE, [told, *letters], [], {"words": {}, "candidates": []},
        [Attached("note.txt", "text/plain", b"Arthur Pendry called.")],
        [Attached("bill.pdf", "application/pdf", b"%PDF-bill")], {"a": b"%PDF-a", "b": b"%PDF-b"}, ["film.mp4"],
    )  # fmt: skip


def test_letters_are_in_as_pdf_unless_they_name_somebody_and_the_customers_files_are_in() -> None:
    made = parts()
    clean = without_third_parties(made, {}, {})
    with zipfile.ZipFile(io.BytesIO(archive(clean, document(made, {}, {}), AT))) as packed:
        names = packed.namelist()
        assert packed.read("letters/01-acknowledgement-2026-11-22.pdf") == b"%PDF-a"
        assert "letters/02-resolution-2026-11-22.pdf" not in names
        assert b"Pendry" not in packed.read("letters/02-resolution-2026-11-22.txt")
        assert packed.read("customer/01-bill.pdf") == b"%PDF-bill"
        assert b"Pendry" not in packed.read("attachments/01-note.txt")
        assert "film.mp4" in packed.read("README.txt").decode()
        listed = {line["path"] for line in json.loads(packed.read("manifest.json"))}
        assert listed == set(names) - {"manifest.json"}
        assert b"Pendry" not in b"".join(packed.read(name) for name in names)
