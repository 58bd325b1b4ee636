"""Letters on paper: every kind in both languages can be read back as it was written, with its fonts inside."""

import subprocess
from pathlib import Path

import pytest

from services.notifier import language as languages
from services.notifier import pdf, policy, specimens
from services.notifier.lint import Linter
from services.notifier.pdf import NoFont, Sheet, render
from services.notifier.writer import Writer
from tests.support.programs import program

WRITER = Writer(languages.load_all(), policy.load(None), Linter())


def sheet(text: str, language: str, **more: object) -> Sheet:
    house = WRITER.policy.house["zh" if language.startswith("zh") else "en"]
    values: dict[str, object] = {
        "house": house.name, "house_contact": house.contact, "name": "Li Na" if language == "en" else "李娜",
        "subject": "Our answer", "reference": "AM-7K2M9Q4T1C", "language": language, "written_on": "9 June 2026",
        "text": text,
    }  # fmt: skip
    return Sheet(**{**values, **more})  # type: ignore[arg-type]


def needs_font() -> None:
    if not any(path.is_file() for path in pdf.FONTS):
        program("fonts-wqy-microhei", "fonts-wqy-microhei")


def read(content: bytes, folder: Path) -> str:
    """The words in a PDF, without breaks and blanks."""
    path = folder / "letter.pdf"
    path.write_bytes(content)
    tool = program("pdftotext", "poppler-utils")
    done = subprocess.run([tool, "-layout", str(path), "-"], check=True, capture_output=True, text=True)
    return "".join(done.stdout.split())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_reads_back_as_it_was_written(language: str, tmp_path: Path) -> None:
    if language == "zh":
        needs_font()
    seen = set()
    for specimen in specimens.gallery(WRITER, language):
        if specimen.kind in seen:
            continue
        seen.add(specimen.kind)
        html_lang = WRITER.languages[language].html_lang
        content = render(sheet(specimen.letter.text, html_lang, subject=specimen.letter.subject))
        words = read(content, tmp_path)
        for paragraph in specimen.letter.text.strip().split("\n\n"):
            assert "".join(paragraph.split()) in words.replace("AM-7K2M9Q4T1C1", ""), specimen.kind
    assert len(seen) > 5


def test_chinese_fonts_are_embedded_and_only_as_far_as_they_are_used(tmp_path: Path) -> None:
    needs_font()
    content = render(sheet("李娜女士，您好：\n\n退款30元已于6月9日退回。\n", "zh-CN", subject="退款"))
    assert content.startswith(b"%PDF-")
    assert len(content) < 120_000
    path = tmp_path / "letter.pdf"
    path.write_bytes(content)
    fonts = subprocess.run(
        [program("pdffonts", "poppler-utils"), str(path)], check=True, capture_output=True, text=True
    ).stdout
    [line] = [row for row in fonts.splitlines() if "TrueType" in row and "Helvetica" not in row]
    assert line.split()[-5:-2] == ["yes", "yes", "yes"]  # embedded, subset, with a way back to text


def test_the_same_letter_makes_the_same_bytes_and_markup_stays_words(tmp_path: Path) -> None:
    one = sheet("Dear Li Na,\n\n<b>5 & 6</b> < 7\nnext line\n", "en")
    assert render(one) == render(one)
    assert "<b>5&6</b><7nextline" in read(render(one), tmp_path)


def test_a_long_letter_takes_more_pages_with_its_reference_on_each(tmp_path: Path) -> None:
    words = read(render(sheet("\n\n".join(f"Paragraph {n}. " + "word " * 120 for n in range(30)), "en")), tmp_path)
    assert words.count("AM-7K2M9Q4T1C") >= 4


def test_without_a_font_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pdf, "FONTS", (tmp_path / "none.ttf",))
    with pytest.raises(NoFont, match="fonts-wqy-microhei"):
        render(sheet("您好", "zh-CN"))
    broken = tmp_path / "broken.ttf"
    broken.write_text("no font")
    with pytest.raises(NoFont, match="AMENDS_LETTER_FONT"):
        render(sheet("您好", "zh-CN"), broken)


def test_no_line_of_chinese_begins_with_a_mark(tmp_path: Path) -> None:
    needs_font()
    path, tool = tmp_path / "letter.pdf", program("pdftotext", "poppler-utils")
    for large in (False, True):
        for specimen in specimens.gallery(WRITER, "zh"):
            letter = sheet(specimen.letter.text, "zh-CN", subject=specimen.letter.subject, large=large)
            path.write_bytes(render(letter))
            done = subprocess.run([tool, "-layout", str(path), "-"], check=True, capture_output=True, text=True)
            begun = {line.strip()[0] for line in done.stdout.splitlines() if line.strip()}
            assert not begun & set("，。、；：？！）”"), specimen.kind
