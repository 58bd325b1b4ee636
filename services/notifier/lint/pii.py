"""Personal data in clear: numbers and addresses that belong into no letter unless the case is about them."""

import re
from collections.abc import Iterable, Iterator

_ANY = re.compile(r"\d{4}|@|\d[ -]\d")
# Not inside a longer run of letters and digits: such a run is a token, as in the link to the customer's own page.
_CARD = re.compile(r"(?<![A-Za-z\d-])\d(?:[ -]?\d){12,18}(?![A-Za-z\d-])")
_ID_ZH = re.compile(r"(?<![A-Za-z\d])\d{17}[\dXx](?![A-Za-z\d])")
_MOBILE_ZH = re.compile(r"(?<![A-Za-z\d])1[3-9]\d{9}(?![A-Za-z\d])")
_ABROAD = re.compile(r"(?<![\w+])\+\d(?:[ ()-]?\d){7,14}(?!\d)")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·•]?[A-Z0-9]{5,6}(?![A-Z0-9])"
)
_PASSPORT = re.compile(r"(?:passport|护照)[^\n.。]{0,12}?\b([A-Z]{1,2}\d{7,8})\b", re.I)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def normal(value: str) -> str:
    """A value without what people put between its characters."""
    return re.sub(r"[\s()+·•-]", "", value).lower()


def allow(values: Iterable[str | None]) -> frozenset[str]:
    """Values that may stand in the letter: those of the case itself, and our own contacts."""
    return frozenset(normal(v) for v in values if v)


def luhn(digits: str) -> bool:
    """The check of payment card numbers (ISO/IEC 7812-1)."""
    total = 0
    for n, character in enumerate(reversed(digits)):
        value = int(character) * (1 + n % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Whether digits look like a payment card: of 15 digits only American Express is one (an IMEI has 15 too)."""
    if len(digits) == 15:
        return digits[:2] in ("34", "37") and luhn(digits)
    return 13 <= len(digits) <= 19 and digits[0] in "3456" and luhn(digits)


def is_id_zh(text: str) -> bool:
    """Whether 18 characters are a Chinese citizen's number (GB 11643-1999 check character)."""
    rest = sum(int(c) * w for c, w in zip(text[:17], _ID_WEIGHTS, strict=True)) % 11
    return "10X98765432"[rest] == text[17].upper()


def find(text: str, allowed: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Places of personal data in clear, as (start, end)."""
    return (place for place, value in seen(text) if value not in allowed)


def seen(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Places of what looks like personal data, each with its value as `normal` writes it."""
    if _ANY.search(text):
        for match in _CARD.finditer(text):
            if is_card(digits := normal(match[0])):
                yield match.span(), digits
        for match in _ID_ZH.finditer(text):
            named = "身份证" in text[max(0, match.start() - 8) : match.start()]
            if named or is_id_zh(match[0]):
                yield match.span(), normal(match[0])
        for sign, pattern in (("1", _MOBILE_ZH), ("+", _ABROAD), ("@", _MAIL), ("", _PLATE)):
            for match in pattern.finditer(text) if sign in text else ():
                yield match.span(), normal(match[0])
        for match in _PASSPORT.finditer(text):
            yield match.span(1), normal(match[1])
