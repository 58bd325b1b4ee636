"""What a case is found by: names, telephone numbers, references, orders, addresses, as words with a shared beginning.

Each word carries its kind (`n:` name, `p:` telephone, `r:` reference, `o:` order, `e:` address) and is found by its
beginning. Telephone numbers are turned round, because people know the end of a number and write its beginning in
many ways; Chinese names can be found from any character on. Pure: the store turns the words into a query.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

import phonenumbers

LEAST_DIGITS, LEAST_LETTERS, LONGEST = 4, 2, 80
_APART = re.compile(r"[\s,.;/·•、，。()（）\"“”]+")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_PHONE = re.compile(r"[\d\s()+\-–./]+")
# Nobody reads a reference letter by letter without a slip: Crockford's base 32 has none of these.
_SLIPS = str.maketrans("OILU", "011V")


def plain(text: str) -> str:
    """Small letters without accents, full-width forms as usual ones."""
    if text.isascii():  # has neither
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFC", "".join(c for c in apart if unicodedata.category(c) != "Mn"))


def code(text: str) -> str:
    """A reference or order number without what people put between its characters."""
    return "".join(c for c in plain(text) if c.isalnum())


def e164(phone: str) -> str:
    """A number's digits as E.164 writes them where its country is told, otherwise its digits."""
    given = plain(phone)
    if given.lstrip().startswith(("+", "00")):
        try:
            number = phonenumbers.parse("+" + re.sub(r"^\s*(\+|00)", "", given))
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
        except phonenumbers.NumberParseException:
            pass
    return "".join(c for c in given if c.isdigit())


def words_of(*, name: str, phone: str, email: str, reference: str, order: str) -> list[str]:
    """Every word that a case is found by, sorted."""
    found: set[str] = set()
    for part in _APART.split(plain(name)):
        starts = range(len(part)) if _HAN.search(part) else range(1)
        found.update(f"n:{part[i:]}" for i in starts if part)
    if number := e164(phone):
        found.add(f"p:{number[::-1]}")
    if email:
        found.add(f"e:{plain(email)}")
    for kind, given in (("r", reference), ("o", order)):
        if made := code(given):
            found.add(f"{kind}:{made}")
    if reference.upper().startswith("AM-"):
        found.add(f"r:{code(reference[3:])}")
    return sorted(word[:LONGEST] for word in found)


class TooShort(ValueError):
    """Nothing in what was typed is long enough to look for."""


def query(typed: str) -> str:
    """What was typed, as a tsquery over those words: any of the kinds that it may be. Raises TooShort."""
    ways = [*_as_name(typed), *_as_number(typed), *_as_code(typed), *_as_address(typed)]
    if not ways:
        raise TooShort
    return " | ".join(f"({way})" for way in ways)


def _as_name(typed: str) -> Iterator[str]:
    parts = [p for p in _APART.split(plain(typed)) if p]
    if any(_HAN.search(p) for p in parts) or sum(map(len, parts)) >= LEAST_LETTERS:
        yield " & ".join(_begins("n", p) for p in parts)


def _as_number(typed: str) -> Iterator[str]:
    if not _PHONE.fullmatch(plain(typed).strip()):
        return
    number = e164(typed).lstrip("0")  # a leading zero is dialled inside the country only
    if len(number) >= LEAST_DIGITS:
        yield _begins("p", number[::-1])


def _as_code(typed: str) -> Iterator[str]:
    made = code(typed)
    if len(made) < LEAST_LETTERS or not made.isascii():
        return
    yield _begins("o", made)
    forms = {made, made[:2] + made[2:].upper().translate(_SLIPS).lower(), made.upper().translate(_SLIPS).lower()}
    yield from (_begins("r", form) for form in sorted(forms))


def _as_address(typed: str) -> Iterable[str]:
    given = plain(typed.strip())
    return [_begins("e", given)] if "@" in given else []


def _begins(kind: str, word: str) -> str:
    quoted = word[:LONGEST].replace("\\", "\\\\").replace("'", "''")
    return f"'{kind}:{quoted}':*"
