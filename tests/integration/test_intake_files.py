"""Files by whatever way they come: everybody is given the cleaned form; what came by mail is archived as it came."""

import base64
import email.message
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.integration.test_intake import Intake, complaint, running
from tests.support.servers import Database
from tests.unit.test_uploads import PLACE, photo


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database()) as made:
        yield made


def attached(name: str, content: bytes) -> dict[str, str]:
    return {"name": name, "media_type": "image/jpeg", "content": base64.b64encode(content).decode()}


async def downloads(intake: Intake, complaint_id: str, said: str = "complaint.received.v1") -> list[tuple[Any, bytes]]:
    """What the event says of each file, and its bytes as a handler is given them."""
    [body] = [body for kind, body in await intake.events() if kind == said]
    found = []
    for file in body["attachments"]:
        path = f"/v1/complaints/{complaint_id}/attachments/{file['id']}"
        answer = await intake.client.get(path, headers=intake.staff("handler"))
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == "attachment"
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        told = answer.headers["content-type"].partition(";")[0]
        assert (len(answer.content), told) == (file["size"], file["media_type"])
        found.append((file, answer.content))
    return found


async def test_a_photo_that_a_channel_posts_is_given_out_without_its_place_and_its_key_is_replayed(
    intake: Intake,
) -> None:
    sent = complaint(attachments=[attached("IMG 1", photo("JPEG"))])
    first, again = await intake.post(sent, "k1"), await intake.post(dict(reversed(sent.items())), "k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    [(file, content)] = await downloads(intake, first.json()["complaint_id"])
    assert file["media_type"] == "image/jpeg"
    assert PLACE not in content
    other = await intake.post(complaint(attachments=[attached("IMG 1", photo("PNG"))]), "k1")
    assert other.status_code == 422
    program = await intake.post(complaint(attachments=[attached("a.jpg", b"\x7fELF\x02")]), "k2")
    assert (program.status_code, program.json()["errors"][0]["pointer"]) == (422, "/attachments/0/content")


async def test_a_later_file_is_cleaned_too_and_nothing_of_it_is_kept_elsewhere(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()["complaint_id"]
    say = {"text": "Here it is.", "attachments": [attached("a.jpg", photo("JPEG"))]}
    headers = {**intake.bearer(), "Idempotency-Key": "m1"}
    for replayed in (None, "true"):
        answer = await intake.client.post(f"/v1/complaints/{kept}/messages", json=say, headers=headers)
        assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (201, replayed)
    [(_, content)] = await downloads(intake, kept, "complaint.customer-replied.v1")
    assert PLACE not in content
    [row] = await intake.rows("SELECT body FROM message")
    assert len(row.body) < 300
    assert not [row for row in await intake.rows("SELECT content FROM file") if PLACE in bytes(row.content)]


async def test_a_mails_files_are_cleaned_for_everybody_and_the_mail_is_archived_as_it_came(intake: Intake) -> None:
    mail = email.message.EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "ada@example.com", "Broken", "<files-1@example.com>"
    mail.set_content("The kettle is broken, look.")
    mail.add_attachment(photo("JPEG"), maintype="image", subtype="jpeg", filename="kettle.jpg")
    mail.add_attachment(b"MZ\x90\x00", maintype="application", subtype="pdf", filename="bill.pdf")
    raw = mail.as_bytes()
    kept = (await intake.mail(raw)).json()
    again = (await intake.mail(raw)).json()
    assert (kept["outcome"], again["outcome"]) == ("complaint", "duplicate")
    (_, picture), (note, words) = await downloads(intake, kept["complaint_id"])
    assert PLACE not in picture
    assert note["media_type"] == "text/plain"
    assert "programs are not taken" in words.decode()
    [archived] = await intake.rows("SELECT content FROM raw_mail")
    assert bytes(archived.content) == raw
