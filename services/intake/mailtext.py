"""Words out of the bytes of a mail: charsets, encoded headers, HTML, flowed text. Pure.

Nothing here raises for any input: what cannot be read becomes U+FFFD, NUL and lone surrogates go.
"""

import binascii
import html
import re

# Labels that mail uses for less than it sends: each is read as the larger set that really occurs.
_WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030",
    "big5": "big5hkscs", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "ks_c_5601": "cp949", "shift_jis": "cp932",
    "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932", "iso-2022-jp": "iso2022_jp_ext", "iso-8859-1": "cp1252",
    "latin1": "cp1252", "us-ascii": "ascii", "iso-8859-8-i": "iso-8859-8", "utf8": "utf-8",
}  # fmt: skip
_REFUSED = {"utf-7", "unicode-1-1-utf-7", "utf7", "x-unicode-2-0-utf-7"}  # hides markup in plain ASCII
_NOT_TEXT = {"base64", "hex", "bz2", "zlib", "zip", "uu", "quopri", "rot13", "rot_13", "punycode", "idna", "undefined"}
_ENCODED = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(=\?)")
HEADER_LIMIT = 16_000
HTML_LIMIT = 2_000_000


def clean(text: str) -> str:
    """Text as it can be stored: no NUL, no lone surrogates, one kind of line end."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return plain if plain.isascii() else plain.encode("utf-8", "replace").decode("utf-8")


# Labels under which mail of any charset is sent: nearly every byte is a character in them, so they cannot fail.
_SAY_LITTLE = {"", "ascii", "cp1252", "windows-1252", "iso-8859-15"}
_HAN_PAIRS = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xa9\xb0-\xf7][\xa1-\xfe])*")
_HAN_PAIR = re.compile(rb"[\xb0-\xf7][\xa1-\xfe]")


def _really(data: bytes, name: str) -> str:
    """The charset that bytes show against a label which says little; else the label."""
    if name not in _SAY_LITTLE:
        return name
    if b"\x1b$" in data[:100_000]:
        return "iso2022_jp_ext"
    if data.isascii():
        return name
    try:
        data.decode()
    except UnicodeDecodeError:
        # Whole of GB2312's pairs, and more than one of them a character: Western text does not look like this.
        sample = data[:20_000]
        pairs = len(_HAN_PAIR.findall(sample))
        whole = _HAN_PAIRS.match(sample)
        return "gb18030" if pairs > 1 and whole and len(sample) - whole.end() <= 1 else name
    return "utf-8"


def decode(data: bytes, charset: str | None) -> str:
    """The text of bytes: by their label where it fits, else by what they are."""
    label = (charset or "").strip().strip("\"'").lower()
    name = _really(data, _WIDER.get(label, label))
    for attempt in (name, "utf-8", "gb18030"):
        if not attempt or attempt in _REFUSED or attempt in _NOT_TEXT:
            continue
        try:
            return clean(data.decode(attempt))
        except (LookupError, UnicodeError, ValueError):
            continue
    fallback = name if name and name not in _REFUSED | _NOT_TEXT else "utf-8"
    try:
        return clean(data.decode(fallback, "replace"))
    except (LookupError, ValueError):
        return clean(data.decode("latin-1"))


def header(raw: object) -> str:
    """A header's text: unfolded, RFC 2047 words decoded also where they stand wrongly, raw 8-bit bytes read."""
    text = str(raw)[:HEADER_LIMIT]
    if not text.isascii():
        text = decode(text.encode("utf-8", "surrogateescape"), None)
    text = _BETWEEN.sub(r"\1\2", re.sub(r"[\r\n]+", "", text))
    return clean(_ENCODED.sub(_encoded_word, text)).strip()


def _encoded_word(match: re.Match[str]) -> str:
    charset, how, payload = match[1].split("*")[0], match[2].lower(), match[3]
    try:
        if how == "b":
            data = binascii.a2b_base64(payload + "=" * (-len(payload) % 4))
        else:
            data = binascii.a2b_qp(payload, header=True)
    except (binascii.Error, ValueError):
        return match[0]
    return decode(data, charset)


_FLOWED = re.compile(r"(>*)(.*)", re.DOTALL)


def unflow(text: str, *, delsp: bool) -> str:
    """The paragraphs of format=flowed text (RFC 3676): soft breaks joined, quote marks kept, stuffed spaces gone."""
    out: list[list[str]] = []
    open_depth = -1  # of the line before, when it goes on
    for line in text.split("\n"):
        match = _FLOWED.match(line)
        assert match
        depth, words = len(match[1]), match[2].removeprefix(" ")
        soft = words.endswith(" ") and words != "-- "
        piece = words[:-1] if soft and delsp else words
        if depth == open_depth:
            out[-1].append(piece)
        else:
            out.append([">" * depth + " " * bool(depth), piece])
        open_depth = depth if soft else -1
    return "\n".join("".join(pieces) for pieces in out)


_TAG = re.compile(r"<!--|<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})\b[^<>]*>|<[!?][^<>]*>")
_BLOCKS = frozenset(
    ["p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "hr", "pre", "blockquote"]
)
_SIGNED = frozenset(["div", "p", "table"])
_HIDDEN = frozenset(["script", "style", "title", "template", "noscript"])
RULE = "-" * 12
# Stands above what a mail client marks as signature. With its space at the end no line of HTML reads like this.
SIGNATURE = "-- "
_SIGNS = re.compile(
    r"""\s(?:id|class)\s*=\s*["']?[^"'>]{0,80}\b(?:gmail_signature|moz-signature|ms-outlook-mobile-signature"""
    r"""|signature|protonmail_signature_block)\b""",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[ \t\r\n\xa0]+")


class _Page:
    """Collects lines; what stands in block quotes begins with `> `, as in plain mail.

    A gap that the writer made (an empty line, a line with a hard space) is an empty line, however wide it is.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.depth = 0
        self.gap = False
        self.preformatted = False

    def words(self, raw: str) -> None:
        plain = html.unescape(raw)
        self.gap = self.gap or "\xa0" in plain
        if not self.preformatted:
            self._add(plain)
            return
        first, *others = plain.split("\n")
        self._add(first)
        for other in others:
            self.end_line()
            self._add(other)

    def _add(self, plain: str) -> None:
        text = _SPACES.sub(" ", plain)
        self.line.append(text if self.line else text.lstrip())

    def end_line(self) -> None:
        text = "".join(self.line).strip()
        if text:
            self.lines.append("> " * self.depth + text)
        elif self.gap and self.lines and self.lines[-1]:
            self.lines.append("")
        self.line, self.gap = [], False

    def sign(self) -> None:
        """What follows is a signature, as long as it is not quoted."""
        self.end_line()
        if self.lines and not self.depth:
            self.lines.append(SIGNATURE)

    def tag(self, name: str, closing: bool) -> None:
        if name == "br":
            self.gap = True
        if name in _BLOCKS:
            self.end_line()
        if name == "hr":
            self.lines.append(RULE)
        if name in ("td", "th"):
            self.line.append(" ")
        if name == "pre":
            self.preformatted = not closing
        if name == "blockquote":
            self.depth = min(max(self.depth + (-1 if closing else 1), 0), 10)


def from_html(source: str) -> str:
    """The readable text of HTML. Linear in its length for any input, which the standard library's parser is not."""
    source = source[:HTML_LIMIT]
    page, at = _Page(), 0
    while tag := _TAG.search(source, at):
        page.words(source[at : tag.start()])
        at = tag.end()
        name = (tag[2] or "").lower()
        if tag[0] == "<!--":
            at = _after(source, "-->", at)
        elif name in _HIDDEN and not tag[1]:
            at = _after(source, ">", _after(source, f"</{name}", at))
        elif name:
            page.tag(name, bool(tag[1]))
            if not tag[1] and name in _SIGNED and _SIGNS.search(tag[0]):
                page.sign()
    page.words(source[at:])
    page.end_line()
    return clean("\n".join(page.lines))


def without_marks(text: str) -> str:
    """The words of HTML without our marks of signatures, as they were read before there were any."""
    if SIGNATURE not in text:
        return text
    kept: list[str] = []
    for line in text.split("\n"):
        if line != SIGNATURE and (line or (kept and kept[-1])):
            kept.append(line)
    return "\n".join(kept)


def _after(source: str, mark: str, at: int) -> int:
    """The place behind `mark`; without one, the rest is hidden."""
    found = re.compile(re.escape(mark), re.IGNORECASE).search(source, at)
    return found.end() if found else len(source)
