"""References that stand in letters."""

import pytest

from services.intake import reference


def test_no_reference_looks_like_a_place_that_was_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    x = reference.ALPHABET.index("X")
    draws = iter([x | x << 5, 0])
    monkeypatch.setattr(reference.secrets, "randbits", lambda _: next(draws))
    made = reference.new()
    assert "XX" not in made
    assert reference.parse(made) == made
