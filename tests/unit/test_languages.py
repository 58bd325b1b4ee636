"""Languages are files: which there are, which one a tag or a text means, and what a wrong folder says."""

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from services.notifier import language as languages
from services.notifier import packs, policy, specimens
from services.notifier.cli import letter
from services.notifier.desk import preview
from services.notifier.lint import CaseData, Linter
from services.notifier.shapes import PreviewIn
from services.notifier.wording import Money
from services.notifier.writer import Writer
from services.routing.triage import language_of
from shared.base.config import ServiceSettings, load
from shared.languages import Languages, LanguagesError

FOLDER = Path("samples/languages")
RUN = CliRunner()
FRENCH = "Bonjour, je n'ai pas reçu ma commande et personne ne me répond. Je voudrais être remboursée."
PREVIEW = {"kind": "acknowledgement", "language": "fr", "case": {"name": "Claire Martin", "email": "c@example.org"}}


@pytest.fixture
def writer() -> Iterator[Writer]:
    packs.install(Languages.of(FOLDER))
    yield Writer(languages.load_all(), packs.signed(policy.load(None)), Linter())
    packs.install(Languages())


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    yield
    packs.install(Languages())


def test_a_tag_means_the_nearest_language_that_there_is() -> None:
    spoken = Languages.of(FOLDER)
    assert [spoken.known(t) for t in ("fr", "fr-CA", "zh-Hant-HK", "en-GB", "es", None)] == [
        "fr", "fr", "zh", "en", None, None,
    ]  # fmt: skip
    assert Languages().known("fr") is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (FRENCH, "fr"),
        ("The phone that I bought from you is broken and nobody answers me.", "en"),
        ("我的手机坏了，请退款。Bonjour", "zh"),
        ("Réf. 48213", "en"),
        ("", "en"),
    ],
)
def test_a_text_is_told_by_its_words(text: str, language: str) -> None:
    assert Languages.of(FOLDER).told(text) == language
    if language == "fr":
        assert Languages().told(text) == "en"


def test_triage_leaves_a_language_it_has_no_words_for_as_the_channel_says() -> None:
    assert language_of(FRENCH, "fr") == ("fr", "language:channel")
    assert language_of(FRENCH, "en") == ("en", "language:script")


def test_the_letters_of_a_further_language_pass_the_gate(writer: Writer) -> None:
    assert specimens.try_out(writer, ["fr"]) >= 25
    for one in specimens.gallery(writer, "fr"):
        assert one.report.gate == "pass", one
        assert one.letter.language == "fr"


def test_what_a_language_has_no_letter_for_is_written_in_the_one_it_names(writer: Writer) -> None:
    assert writer.written_in("fr", "acknowledgement") == "fr"
    assert writer.written_in("fr", "survey_invitation") == "en"
    assert [writer.written_in(t, "reply") for t in ("fr-CA", "es", "zh-Hant")] == ["fr", "en", "zh"]
    shown = preview(writer, PreviewIn.model_validate({**PREVIEW, "kind": "thanks", "case": {"kind": "praise"}}))
    assert "Thank you for the kind words" in shown.text
    assert 'lang="en"' in shown.html


def test_dates_and_sums_are_written_and_read_as_the_language_does(writer: Writer) -> None:
    french = writer.languages["fr"]
    assert french.day(date(2026, 6, 1), "weekday", date(2026, 5, 3)) == "lundi 1er juin"
    assert french.money(Money(Decimal("1234.50"), "EUR")) == "1\N{NO-BREAK SPACE}234,50\N{NO-BREAK SPACE}€"
    refund = {"text": "Nous vous rembourserons 1\N{NO-BREAK SPACE}234,50 € au plus tard le 14 juin 2026."}
    for amount, rules in ((Decimal("1234.5"), set()), (Decimal("12.5"), {"C5"})):
        case = CaseData(amounts=frozenset({amount}))
        found = writer.linter.text(f"Bonjour Claire,\n\n{refund['text']}\n\nJeanne Petit", "fr", "reply", case)
        assert {f.rule for f in found.findings if f.rule == "C5"} == rules


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("Nous vous présentons nos excuses si cela vous a gênée.", "E3"),
        ("Nous vous rembourserons dès que possible.", "C2"),
        ("Vous avez oublié de joindre le ticket.", "E1"),
        ("Un geste commercial vous sera proposé.", "C3"),
        ("Calmez-vous.", "E12"),
        ("Nous répondrons dans 5 jours.", "D6"),
    ],
)
def test_the_gate_reads_the_further_language(writer: Writer, sentence: str, rule: str) -> None:
    text = f"Bonjour Claire Martin,\n\nNous avons bien reçu votre lettre du 3 juin. {sentence}\n\nJeanne Petit"
    assert rule in {f.rule for f in writer.linter.text(text, "fr", "reply").errors}


def test_preview_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump(PREVIEW), encoding="utf-8")
    shown = RUN.invoke(letter, ["preview", str(file)], env={"AMENDS_LANGUAGES": str(FOLDER)})
    assert (shown.exit_code, "Nous avons bien reçu votre e-mail" in shown.stdout) == (0, True), shown.output
    alone = RUN.invoke(letter, ["preview", str(file)], env={"AMENDS_LANGUAGES": ""})
    assert alone.exit_code == 2
    assert "fr is none of en, zh" in alone.stderr


def test_every_language_is_tried_on_the_command_line() -> None:
    shown = RUN.invoke(letter, ["languages", "--languages", str(FOLDER)])
    assert shown.exit_code == 0, shown.output
    assert "fr Français: 5 kinds of letters" in shown.stdout
    assert "the other kinds in en" in shown.stdout


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("letters/base.yaml", ("otherwise: en\n", ""), "fr: no letter for authority_request"),
        ("letters/base.yaml", ("otherwise: en\n", "otherwise: xx\n"), "'xx' is no language that has every letter"),
        ("letters/shared.yaml", ("nos excuses.", "nos excuses si cela gêne."), "delay_apology"),
        ("rules.yaml", ("  A5: [", "  A55: ["), "fr: rules: 'A5' is missing"),
        ("rules.yaml", ("(?:magasin|boutique", "(?:magasin|(boutique"), "fr: rules: missing ), unterminated"),
        ("house.yaml", ("calendar: mon-fri", "calendar: mars"), "fr/house.yaml"),
    ],
)
def test_a_wrong_language_stops_the_start_and_says_where(
    tmp_path: Path, file: str, change: tuple[str, str], says: str
) -> None:
    shutil.copytree(FOLDER, tmp_path / "languages")
    path = tmp_path / "languages" / "fr" / file
    text = path.read_text("utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change), encoding="utf-8")
    shown = RUN.invoke(letter, ["languages", "--languages", str(tmp_path / "languages")])
    assert shown.exit_code == 2
    assert says in shown.stderr
    assert shown.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("french", "name: F\nzone: Europe/Paris\nwords: [je]\n", "is no language tag"),
        ("en", "name: F\nzone: Europe/Paris\nwords: [je]\n", "comes with the program"),
        ("fr", "name: F\nzone: Europe/Atlantis\nwords: [je]\n", "no time zone"),
        ("fr", "name: F\nzone: Europe/Paris\n", "needs name, zone and words"),
        ("fr", "name: F\nzone: Europe/Paris\nwords: []\n", "list of frequent words"),
        ("fr", ": :", "language.yaml"),
    ],
)
def test_a_wrong_folder_is_one_line_that_names_the_file(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "language.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(LanguagesError, match=says):
        Languages.of(tmp_path)


def test_a_wrong_folder_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (
        ("DATABASE_URL", "postgresql://a@b/c"), ("DEPLOYMENT_ID", "one"), ("TOKEN_KEY", "k" * 32),
        ("KAFKA_BOOTSTRAP", "b:9092"), ("LANGUAGES", str(tmp_path / "nowhere")),
    ):  # fmt: skip
        monkeypatch.setenv(f"AMENDS_{name}", value)
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert capsys.readouterr().err.startswith("AMENDS_LANGUAGES: ")
    monkeypatch.setenv("AMENDS_LANGUAGES", str(FOLDER.resolve()))
    assert load(ServiceSettings).time_zones["fr"] == "Europe/Paris"
