"""Files from outside: what is taken, under which name, and without what their senders did not mean to tell.

The type is what the bytes are, never what a browser says. Pictures are decoded and written anew, which leaves out where
they were taken and everything else that hides in a file; programs are refused, by whatever way they come. `take` is for
pages, which ask for another file when they cannot tell what one is; `keep` is for channels and mail, where it is kept.
"""

import hashlib
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pi_heif
from PIL import Image, ImageOps

MOST_FILES, MOST_BYTES = 10, 25_000_000
MOST_PIXELS, LONGEST_SIDE = 60_000_000, 4096
NAME_CHARS = 100
Why = Literal["program", "type", "picture", "empty"]

_PROGRAMS = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!", b"\xfe\xed\xfa")
_PROGRAM_NAMES = re.compile(
    r"\.(exe|com|scr|msi|msp|bat|cmd|ps1|vbs?|vbe|jse?|wsf|wsh|hta|lnk|reg|jar|apk|app|dmg|pkg|deb|rpm|sh|dll|cpl|iso|"
    r"img|docm|dotm|xlsm|xltm|xlam|pptm|html?|xhtml|svg|mht|swf|chm)$",
    re.IGNORECASE,
)
pi_heif.register_heif_opener()
_PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
# What telephones make and many programs cannot open: kept as JPEG.
_FROM_PHONES = {"HEIF": "image/heic"}
_DRAWN = frozenset((*_PICTURES.values(), *_FROM_PHONES.values()))
UNKNOWN = "application/octet-stream"
_PLAIN = frozenset(("text/plain", "text/csv", "text/calendar", "text/vcard", "text/x-vcard"))
_OFFICE = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
# Media type → the endings that go with it, the first being the one that is added where none fits.
ENDINGS: dict[str, tuple[str, ...]] = {
    "image/jpeg": (".jpg", ".jpeg"), "image/png": (".png",), "image/webp": (".webp",), "image/gif": (".gif",),
    "application/pdf": (".pdf",), "text/plain": (".txt", ".csv", ".log", ".md", ".eml"),
    _OFFICE["word/"]: (".docx",), _OFFICE["xl/"]: (".xlsx",), _OFFICE["ppt/"]: (".pptx",),
    "application/x-ole-storage": (".doc", ".xls", ".ppt", ".wps", ".et", ".dps", ".msg"),
    "application/vnd.oasis.opendocument.text": (".odt",),
    "application/vnd.oasis.opendocument.spreadsheet": (".ods",),
    "audio/mpeg": (".mp3",), "audio/wav": (".wav",), "audio/ogg": (".ogg", ".oga", ".opus"), "audio/mp4": (".m4a",),
    "audio/amr": (".amr",), "video/mp4": (".mp4", ".m4v"), "video/quicktime": (".mov",), "video/3gpp": (".3gp",),
}  # fmt: skip


class Refused(ValueError):
    """A file that is not taken; `why` is one of Why."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it is kept."""

    name: str
    media_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        """What its bytes are found by, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def take(name: str, content: bytes) -> Upload:
    """The file as it is kept. Raises Refused. Takes up to a second for a large picture: not for the event loop."""
    plain = _no_program(name, content)
    if not content:
        raise Refused("empty")
    media_type = sniffed(content)
    if media_type is None:
        raise Refused("type")
    if media_type in _DRAWN:
        content, media_type = redrawn(content)
    return Upload(_with_ending(plain, media_type), media_type, content)


def keep(name: str, content: bytes, told: str) -> Upload:
    """The same for files that nobody can be asked to send otherwise; `told` is the media type that they came under.

    Of what is no picture every byte is kept. A type that is none of ours is application/octet-stream. Raises Refused
    for programs, and for pictures that cannot be written anew: they would tell where they were taken.
    """
    plain = _no_program(name, content)
    media_type = sniffed(content) or UNKNOWN
    if content[4:12] in (b"ftypavif", b"ftypavis"):
        raise Refused("picture")
    if media_type in _DRAWN:
        content, media_type = redrawn(content)
        plain = _with_ending(plain, media_type)
    elif media_type == "text/plain" and told in _PLAIN:
        media_type = told
    return Upload(plain, media_type, content)


def pixels(content: bytes) -> int:
    """How many pixels a picture has, all its frames together; 0 for what is none."""
    if sniffed(content) not in _DRAWN:
        return 0
    try:
        with Image.open(io.BytesIO(content), formats=(*_PICTURES, *_FROM_PHONES)) as picture:
            return _pixels(picture)
    except Exception:  # as in `redrawn`
        return 0


def _no_program(name: str, content: bytes) -> str:
    plain = safe_name(name)
    recording = content.startswith(b"#!AMR")  # what phones record begins like a script
    if (content.startswith(_PROGRAMS) and not recording) or _PROGRAM_NAMES.search(plain):
        raise Refused("program")
    return plain


def safe_name(name: str) -> str:
    """The name alone, without folders, control and direction characters; never empty, never hidden, not too long."""
    last = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    kept = "".join(char for char in last if char.isprintable() and char not in '<>:"|?*').strip(". ")
    if len(kept) > NAME_CHARS:
        stem, dot, ending = kept.rpartition(".")
        kept = f"{stem[: NAME_CHARS - len(ending) - 1]}.{ending}" if dot and len(ending) < 10 else kept[:NAME_CHARS]
    return kept or "file"


def _with_ending(name: str, media_type: str) -> str:
    endings = ENDINGS[media_type]
    return name if name.lower().endswith(endings) else name + endings[0]


def sniffed(content: bytes) -> str | None:
    """What these bytes are: one of the types that we take, or None."""
    for matches, media_type in _SIGNATURES:
        if matches(content):
            return media_type
    if content.startswith(b"PK\x03\x04"):
        return _zipped(content)
    if content[4:8] == b"ftyp":
        return _film(content[8:12])
    return "text/plain" if _text(content) else None


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(beginnings)


def _riff(kind: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(b"RIFF") and content[8:12] == kind


_SIGNATURES: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (_starts(b"\xff\xd8\xff"), "image/jpeg"),
    (_starts(b"\x89PNG\r\n\x1a\n"), "image/png"),
    (_starts(b"GIF87a", b"GIF89a"), "image/gif"),
    (_riff(b"WEBP"), "image/webp"),
    (_riff(b"WAVE"), "audio/wav"),
    (_starts(b"%PDF-"), "application/pdf"),
    (_starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "application/x-ole-storage"),
    (_starts(b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"), "audio/mpeg"),
    (_starts(b"OggS"), "audio/ogg"),
    (_starts(b"#!AMR"), "audio/amr"),
)


def _film(brand: bytes) -> str | None:
    if brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc"):
        return "image/heic"
    if brand in (b"avif", b"avis"):
        return None  # a picture that we cannot write anew
    if brand == b"M4A ":
        return "audio/mp4"
    if brand == b"qt  ":
        return "video/quicktime"
    return "video/3gpp" if brand.startswith(b"3g") else "video/mp4"


def _zipped(content: bytes) -> str | None:
    """Documents that are zip files inside; archives, and documents with macros, are not taken."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()[:10_000]
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 100:
                declared = archive.read("mimetype").decode("ascii", "replace").strip()
                return declared if declared in ENDINGS else None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError):
        return None
    if "[Content_Types].xml" not in names or any(n.lower().endswith("vbaproject.bin") for n in names):
        return None
    return next((kind for folder, kind in _OFFICE.items() if any(n.startswith(folder) for n in names)), None)


def _text(content: bytes) -> bool:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            words = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        start = words[:100_000]
        if not any(ord(char) < 32 and char not in "\t\n\r\f" for char in start):
            return not re.match(r"\s*<(!doctype|html|script|svg|\?xml)", start, re.IGNORECASE)
    return False


def redrawn(content: bytes) -> tuple[bytes, str]:
    """A picture written anew, upright, its sides at most 4,096 long: nothing but what is seen. Raises Refused."""
    try:
        with Image.open(io.BytesIO(content), formats=(*_PICTURES, *_FROM_PHONES)) as picture:
            kind = picture.format or ""
            if kind == "JPEG":
                picture.draft(None, (LONGEST_SIDE, LONGEST_SIDE))  # a huge photo is decoded at a fraction of its size
            if _pixels(picture) > MOST_PIXELS:
                raise Refused("picture")
            kind = "JPEG" if kind in _FROM_PHONES else kind
            return _written(picture, kind), _PICTURES[kind]
    except Refused:
        raise
    except Exception:  # a decoder may stumble over crafted bytes in any way; none of them is a picture of ours
        raise Refused("picture") from None


def _pixels(picture: Image.Image) -> int:
    return picture.width * picture.height * int(getattr(picture, "n_frames", 1))


def _written(picture: Image.Image, kind: str) -> bytes:
    colours = picture.info.get("icc_profile")
    out = io.BytesIO()
    if kind == "GIF":
        # Frames hold nothing but pixels; a comment would be written again if it stayed.
        picture.info.pop("comment", None)
        picture.info.pop("extension", None)
        picture.save(out, "GIF", save_all=getattr(picture, "is_animated", False))
        return out.getvalue()
    upright = ImageOps.exif_transpose(picture)
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    clean = Image.frombytes(upright.mode, upright.size, upright.tobytes())
    if upright.mode == "P" and (palette := upright.getpalette("RGB")):
        clean.putpalette(palette)
        if "transparency" in upright.info:
            clean.info["transparency"] = upright.info["transparency"]
    if kind == "JPEG" and clean.mode not in ("RGB", "L", "CMYK"):
        clean = clean.convert("RGB")
    quality = {"JPEG": {"quality": 90}, "WEBP": {"quality": 90}}.get(kind, {})
    clean.save(out, kind, icc_profile=colours, **quality)
    return out.getvalue()
