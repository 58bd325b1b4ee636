"""The sample that the documents name for `amends letter preview` is the golden letter."""

from pathlib import Path

from typer.testing import CliRunner

from services.notifier.cli import letter

ROOT = Path(__file__).parents[2]


def test_the_sample_letter_reads_as_the_golden_one() -> None:
    shown = CliRunner().invoke(letter, ["preview", str(ROOT / "samples/letter.yaml")])
    assert shown.exit_code == 0, shown.output
    golden = (ROOT / "tests/golden/letters/refund-refused.en.txt").read_text("utf-8")
    assert "Dear Li Na," in golden
    assert golden.strip()[golden.index("Dear Li Na,") :] in shown.output
