"""Files from people: what is taken, under which name, and that a photo does not tell where it was taken."""

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from shared.base.uploads import ENDINGS, LONGEST_SIDE, Refused, safe_name, sniffed, take

PLACE = b"39.9042N"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>39.9042N</exif:GPSLatitude></x:xmpmeta>'


def photo(kind: str, *, size: tuple[int, int] = (64, 48), orientation: int = 1) -> bytes:
    """A picture, dark on its left side, that tells where it was taken in each way that its format has."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).rectangle((0, 0, size[0] // 2, size[1]), fill="black")
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = PLACE.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (39.0, 54.0, 15.0), 3: "E", 4: (116.0, 24.0, 27.0)})
    out = io.BytesIO()
    if kind == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        text.add_text("Comment", PLACE.decode())
        picture.save(out, kind, exif=exif, pnginfo=text)
    elif kind == "GIF":
        picture.save(out, kind, comment=PLACE)
    else:
        picture.save(out, kind, exif=exif, xmp=XMP, **({"comment": PLACE} if kind == "JPEG" else {}))
    return out.getvalue()


PHONE = (Path(__file__).parents[1] / "golden/uploads/phone.heic").read_bytes()


def test_a_telephones_picture_is_kept_as_one_that_everybody_can_open_without_where_it_was_taken() -> None:
    assert PLACE in PHONE
    kept = take("IMG_1.HEIC", PHONE)
    assert (kept.name, kept.media_type) == ("IMG_1.HEIC.jpg", "image/jpeg")
    assert PLACE not in kept.content
    assert b"GPS" not in kept.content
    with Image.open(io.BytesIO(kept.content)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (64, 48))
        assert not shown.getexif()
        left, right = shown.convert("L").getpixel((10, 20)), shown.convert("L").getpixel((54, 20))
        assert (left, right) == pytest.approx((0, 255), abs=10)


def zipped(*names: str, **contents: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, contents.get(name, "x"))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_is_kept_without_where_it_was_taken(kind: str) -> None:
    sent = photo(kind)
    assert PLACE in sent
    kept = take("IMG 1.bin", sent)
    assert kept.media_type == f"image/{kind.lower()}"
    assert PLACE not in kept.content
    assert b"GPS" not in kept.content
    with Image.open(io.BytesIO(kept.content)) as shown:
        assert shown.size == (64, 48)
        assert not shown.getexif().get_ifd(0x8825)
        left, right = shown.convert("L").getpixel((10, 20)), shown.convert("L").getpixel((54, 20))
        assert (left, right) == pytest.approx((0, 255), abs=10)


def test_a_photo_that_was_taken_sideways_stands_upright() -> None:
    with Image.open(io.BytesIO(take("a.jpg", photo("JPEG", orientation=6)).content)) as shown:
        assert shown.size == (48, 64)


def test_a_huge_photo_is_made_smaller() -> None:
    with Image.open(io.BytesIO(take("a.jpg", photo("JPEG", size=(9000, 6000))).content)) as shown:
        assert max(shown.size) <= LONGEST_SIDE


def test_what_hides_behind_a_picture_is_gone() -> None:
    hidden = b"<script>alert(1)</script>"
    assert hidden not in take("a.png", photo("PNG") + hidden).content


def test_a_picture_that_would_fill_the_memory_is_refused() -> None:
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    with pytest.raises(Refused, match="picture"):
        take("bomb.png", out.getvalue())


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("Rechnung.pdf", b"%PDF-1.7 ...", "application/pdf"),
        ("notes.txt", "网络一直断。".encode("gb18030"), "text/plain"),
        ("brief.docx", zipped("[Content_Types].xml", "word/document.xml"), None),
        ("b.odt", zipped("mimetype", mimetype="application/vnd.oasis.opendocument.text"), None),
        ("call.m4a", b"\x00\x00\x00\x20ftypM4A \x00", "audio/mp4"),
        ("call.amr", b"#!AMR\n\x0c", "audio/amr"),
        ("alt.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), "application/x-ole-storage"),
    ],
)
def test_documents_and_recordings_are_taken_by_what_they_are(name: str, content: bytes, media_type: str | None) -> None:
    kept = take(name, content)
    assert kept.name == name
    assert kept.content == content
    assert media_type in (None, kept.media_type)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.pdf", b"MZ\x90\x00", "program"),
        ("a.jpg", b"\x7fELF", "program"),
        ("a.txt", b"#!/bin/sh\n", "program"),
        ("bill.pdf.exe", b"%PDF-1.7", "program"),
        ("a.svg", b"<svg onload=alert(1)>", "program"),
        ("page.txt", b"<!DOCTYPE html><script>", "type"),
        ("a.zip", zipped("a.exe"), "type"),
        ("macro.docx", zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "type"),
        ("a.bin", b"\x00\x01\x02", "type"),
        ("a.heic", b"\x00\x00\x00\x20ftypheic", "picture"),
        ("a.jpg", b"\xff\xd8\xff\xe0 no picture", "picture"),
        ("a.txt", b"", "empty"),
    ],
)
def test_programs_and_what_we_cannot_tell_are_refused(name: str, content: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        take(name, content)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("C:\\Users\\me\\bill.pdf", "bill.pdf"), ("../../etc/passwd", "passwd"), (".htaccess", "htaccess"),
        ("", "file"),
        ("发票.pdf", "发票.pdf"), ("a\u202egpj.pdf", "agpj.pdf"), ("a\r\nb.txt", "ab.txt"), ("..", "file"),
    ],
)  # fmt: skip
def test_names_are_safe(given_name: str, kept: str) -> None:
    assert safe_name(given_name) == kept


@given(st.text(max_size=400))
def test_any_name_becomes_a_safe_one(name: str) -> None:
    kept = safe_name(name)
    assert 1 <= len(kept) <= 100
    assert not set(kept) & set('/\\\x00\r\n"')
    assert not kept.startswith(".")


_BEGINNINGS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBP", b"PK\x03\x04", b"0000ftypheic"]


@given(st.sampled_from(_BEGINNINGS), st.binary(max_size=300))
def test_any_bytes_are_taken_or_refused(beginning: bytes, rest: bytes) -> None:
    assert sniffed(beginning + rest) in (None, *ENDINGS, "image/heic")
    with suppress(Refused):
        assert take("x", beginning + rest).content
