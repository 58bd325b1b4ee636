"""Files of mails and posts: pictures without their place, programs not at all, everything else whole."""

import base64
import io
import time
from uuid import UUID

import pytest
from PIL import Image

from services.intake.cleaning import Cleaning
from services.intake.mail import File, Mail
from services.intake.requests import AttachmentIn
from shared.base.errors import Problem
from tests.unit.test_uploads import PLACE, photo, zipped

OWNER = UUID(int=7)


async def cleaned(*files: File) -> list[File]:
    mail = Mail(files=list(files))
    await Cleaning().of_mail(mail)
    return mail.files


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
async def test_a_picture_of_a_mail_is_kept_without_where_it_was_taken(kind: str) -> None:
    sent = photo(kind)
    assert PLACE in sent
    [kept] = await cleaned(File("IMG_1", "application/octet-stream", sent))
    assert PLACE not in kept.content
    assert (kept.media_type, kept.name.startswith("IMG_1.")) == (f"image/{kind.lower()}", True)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("bill.pdf", b"MZ\x90\x00" + bytes(60), "programs are not taken"),
        ("bill.pdf.exe", b"%PDF-1.7", "programs are not taken"),
        ("run.txt", b"#!/bin/sh\n", "programs are not taken"),
        ("page.html", b"<script>", "programs are not taken"),
        ("a.jpg", b"\xff\xd8\xff\xe0 no picture", "cannot be written anew"),
        ("a.avif", b"\x00\x00\x00\x20ftypavif" + PLACE, "cannot be written anew"),
    ],
)
async def test_what_is_left_out_of_a_mail_is_named_in_its_place(name: str, content: bytes, why: str) -> None:
    [kept] = await cleaned(File(name, "application/octet-stream", content))
    assert (kept.name, kept.media_type) == (f"{name} (left out).txt", "text/plain")
    words = kept.content.decode()
    assert why in words
    assert name in words
    assert content not in kept.content


@pytest.mark.parametrize(
    ("name", "told", "content", "media_type"),
    [
        ("photos.zip", "application/zip", zipped("a.jpg"), "application/zip"),
        ("smime.p7m", "application/pkcs7-mime", b"\x30\x80\x06\x09", "application/pkcs7-mime"),
        ("winmail.dat", "application/ms-tnef", b"\x78\x9f\x3e\x22", "application/ms-tnef"),
        ("invitation.ics", "text/calendar", b"BEGIN:VCALENDAR", "text/calendar"),
        ("a.xhtml.bin", "application/xhtml+xml", b"\x00\x01", "application/octet-stream"),
        ("bill.bin", "image/png", b"%PDF-1.7", "application/pdf"),
        ("empty.txt", "text/plain", b"", "text/plain"),
    ],
)
async def test_everything_else_of_a_mail_is_kept_whole(name: str, told: str, content: bytes, media_type: str) -> None:
    assert await cleaned(File(name, told, content)) == [File(name, media_type, content)]


async def test_huge_pictures_in_a_small_mail_take_no_more_than_a_second_of_work() -> None:
    out = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(out, "PNG")
    assert len(out.getvalue()) < 200_000
    hostile = [File(f"{n}.png", "image/png", out.getvalue()) for n in range(5)]
    frames = [Image.new("P", (1500, 1500), n % 250) for n in range(60)]
    film = io.BytesIO()
    frames[0].save(film, "GIF", save_all=True, append_images=frames[1:])
    started = time.process_time()
    kept = await cleaned(
        *hostile, File("film.gif", "image/gif", film.getvalue()), File("b.jpg", "image/jpeg", photo("JPEG"))
    )
    assert time.process_time() - started < 1
    assert [file.name for file in kept][-2:] == ["film.gif (left out).txt", "b.jpg"]
    assert all("too large to be prepared" in file.content.decode() for file in kept[:5])


def given(name: str, content: bytes, told: str = "application/octet-stream") -> AttachmentIn:
    return AttachmentIn(name=name, media_type=told, content=base64.b64encode(content).decode())


async def test_files_of_a_post_are_kept_by_the_same_rules_and_know_what_they_came_as() -> None:
    files = (given("a", photo("JPEG")), given("b.pdf", b"%PDF-1.7"))
    first, again = [await Cleaning().of_post(files, OWNER) for _ in range(2)]
    assert first == again
    assert [(file.name, file.media_type) for file in first] == [("a.jpg", "image/jpeg"), ("b.pdf", "application/pdf")]
    assert PLACE not in first[0].content
    assert [file.came_as == file.sha256 for file in first] == [False, True]


@pytest.mark.parametrize(
    ("file", "detail"),
    [
        (given("x", b"MZ\x90"), "programs are not taken"),
        (given("x.bat", b"echo"), "programs are not taken"),
        (given("x.jpg", b"\xff\xd8\xff\xe0 none"), "it is a picture that cannot be written anew"),
        (AttachmentIn(name="x", media_type="text/plain", content="%"), "is not base64"),
    ],
)
async def test_a_post_with_a_file_that_cannot_be_taken_is_told_which(file: AttachmentIn, detail: str) -> None:
    with pytest.raises(Problem) as refused:
        await Cleaning().of_post((given("b.pdf", b"%PDF-1.7"), file), OWNER)
    assert refused.value.status == 422
    assert refused.value.errors == [{"pointer": "/attachments/1/content", "detail": detail}]
