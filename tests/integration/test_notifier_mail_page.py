"""The HTML of our mails in a real browser, as wide as the smallest telephone."""

from pathlib import Path

import pytest

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.lint import Linter
from services.notifier.mime import html
from services.notifier.writer import Writer
from tests.support.browser import browser

SMALLEST = (320, 640)
WRITER = Writer(languages.load_all(), policy.load(None), Linter())
KINDS = ("acknowledgement", "resolution", "delay_apology", "holding", "remedy_delayed")
_SIZE = "parseFloat(getComputedStyle(document.querySelector('p')).fontSize)"


async def test_mails_read_well_at_320_pixels_and_load_nothing(tmp_path: Path) -> None:
    async with browser() as page:
        for language in ("zh", "en"):
            shown = {s.kind: s.letter for s in specimens.gallery(WRITER, language) if s.kind in KINDS}
            assert set(shown) == set(KINDS)
            for kind, letter in shown.items():
                file = tmp_path / f"{language}-{kind}.html"
                file.write_text(html(letter.text, letter.subject, WRITER.languages[language].html_lang))
                await page.open(file.as_uri(), size=SMALLEST, language=language)
                assert not await page.overflows(), file.name
                assert await page.evaluate(_SIZE) >= 16
                assert await page.evaluate("performance.getEntriesByType('resource').length") == 0
                assert await page.evaluate("document.documentElement.lang") == WRITER.languages[language].html_lang
                found = await page.accessibility()
                assert not [one for one in found if one[0] in ("serious", "critical")], found


@pytest.mark.parametrize("word", ["https://amends.example/" + "a" * 300, "x" * 400, "长" * 300])
async def test_nothing_is_too_long_for_a_small_window(word: str, tmp_path: Path) -> None:
    file = tmp_path / "long.html"
    file.write_text(html(f"Dear Li Na,\n\n{word}\n", "long", "en"))
    async with browser() as page:
        await page.open(file.as_uri(), size=SMALLEST)
        assert not await page.overflows()
