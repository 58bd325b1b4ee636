"""How long things are kept: the file says so, by class and country, and a wrong file is one line."""

from datetime import timedelta
from pathlib import Path

import pytest

from services.intake.retention import CLASSES, load, read
from shared.base.errors import Refused

OWN = """
as_of: 2026-01-01
everywhere: {default: 6y, spam: 90d, call: 1y}
countries: {IE: {default: 7y, letter: 10y}}
"""


def test_a_country_names_what_differs() -> None:
    here, there = read(OWN, "IE"), read(OWN, "DK")
    assert here.of("letter") == timedelta(days=3653)
    assert here.of("complaint") == timedelta(days=2557)
    assert there.of("complaint") == timedelta(days=2192)
    assert [r.of("spam") for r in (here, there)] == [timedelta(days=90)] * 2
    assert [r.of("call").days for r in (here, there)] == [366, 366], "what is named everywhere holds before a default"


@pytest.mark.parametrize("country", ["CN", "GB", "IE", "DE", "FR", "ZA", "US"])
def test_the_packages_own_keeps_doubtful_mail_ninety_days_everywhere(country: str) -> None:
    lives = load(None, country)
    for kind in CLASSES:
        assert (lives.of(kind) == timedelta(days=90)) is (kind in ("spam", "quarantined"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (OWN.replace("6y", "six years"), "everywhere.default"),
        (OWN.replace("call", "phone"), "everywhere.phone"),
        (OWN.replace("IE", "Ireland"), "countries"),
        (OWN.replace("default: 6y, ", ""), "everywhere.default"),
        ("a: [", "YAML"),
        ("", "document"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_where(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(Refused, match=f"AMENDS_RETENTION: .*{what}") as refused:
        load(file, "CN")
    assert "\\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="AMENDS_RETENTION"):
        load(tmp_path / "none.yaml", "CN")
