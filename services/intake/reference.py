"""References that people read out and type: `AM-` and ten characters of Crockford's base32, the last one a check.

Nine random characters (45 bits) cannot be guessed. The check character is a weighted sum in the field of 32 elements
with a different weight for each place, so every single wrong character and every swap of two is noticed.

Source of the alphabet: Douglas Crockford, "Base 32" (no I, L, O, U; I and L are read as 1, O as 0).
"""

import secrets

PREFIX = "AM-"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {char: n for n, char in enumerate(ALPHABET)} | {"I": 1, "L": 1, "O": 0}
_LENGTH = 9
_POLYNOMIAL = 0b100101  # x^5 + x^2 + 1, irreducible over two elements


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 32:
            a ^= _POLYNOMIAL
        b >>= 1
    return product


# The place's weight times the character's value: weights are 2, 4, 8, ... in the field, all different and never 0 or 1.
_WEIGHTED: list[list[int]] = []
_weight = 1
for _ in range(_LENGTH):
    _weight = _times(_weight, 2)
    _WEIGHTED.append([_times(_weight, value) for value in range(32)])


def _check(values: list[int]) -> int:
    total = 0
    for place, value in zip(_WEIGHTED, values, strict=True):
        total ^= place[value]
    return total


def new() -> str:
    """A fresh reference, for example `AM-7K2M9Q4T1C`. Uniqueness is the table's business."""
    while True:
        bits = secrets.randbits(5 * _LENGTH)
        values = [bits >> 5 * n & 31 for n in range(_LENGTH)]
        code = "".join(ALPHABET[v] for v in values) + ALPHABET[_check(values)]
        if "XX" not in code:  # in a letter it would be taken for a place that somebody forgot to fill
            return PREFIX + code


def parse(text: str) -> str | None:
    """The reference in its one written form, from what a person typed; None when it is none.

    Small letters, spaces, dashes and the usual mix-ups (I, L, O) are understood, and the prefix may be missing.
    """
    plain = "".join(text.split()).replace("-", "").upper()
    if len(plain) == len("AM") + _LENGTH + 1 and plain.startswith("AM"):
        plain = plain[2:]
    if len(plain) != _LENGTH + 1 or any(char not in _VALUE for char in plain):
        return None
    values = [_VALUE[char] for char in plain]
    if _check(values[:-1]) != values[-1]:
        return None
    return PREFIX + "".join(ALPHABET[v] for v in values)
