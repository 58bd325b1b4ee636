"""A text's Latin words, several times faster than by a pattern: every complaint is taken apart twice."""

from string import ascii_lowercase, digits


class Words:
    """Words that begin with one of `letters` and go on with these or `more`, all of them ASCII; the rest is space."""

    def __init__(self, letters: str, more: str) -> None:
        kept = f"{letters}{more}".encode()
        self._more, self._begins = more, tuple(f" {c}" for c in more)
        self._table = bytes(c if c in kept else ord(" ") for c in range(256))

    def of(self, lowered: str) -> list[str]:
        """The words in their order, as often as they occur."""
        plain = f" {lowered.encode('ascii', 'replace').translate(self._table).decode('ascii')}"
        found, more = plain.split(), self._more
        if not any(begins in plain for begins in self._begins):
            return found
        return [word if word[0] not in more else begun for word in found if (begun := word.lstrip(more))]


PLAIN = Words(ascii_lowercase, "'")
COMPOUND = Words(f"{ascii_lowercase}{digits}", "'-")
