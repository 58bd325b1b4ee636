"""`amends letter lint` and `amends letter preview`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import yaml
from pydantic import ValidationError

from shared.base.commands import Json, fail
from shared.languages import Languages, LanguagesError

from . import language as languages
from . import packs, policy, specimens
from .desk import lint, preview
from .lint import Finding, Linter, Report
from .lint.sarif import sarif
from .shapes import LintIn, PreviewIn
from .writer import Writer

letter = typer.Typer(help="Check letters, and see what a letter would say.", no_args_is_help=True)

T = TypeVar("T", LintIn, PreviewIn)
Folder = Annotated[
    Path | None,
    typer.Option("--languages", envvar="AMENDS_LANGUAGES", help="Folder of further languages.", metavar="FOLDER"),
]


@letter.command("lint")
def lint_files(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Letters: plain text, or structure in JSON.")],
    language: Annotated[str, typer.Option(help="zh, en or another there is; told from the text when left out.")] = "",
    kind: Annotated[str, typer.Option(help="resolution, reply, …: which rules apply.")] = "resolution",
    as_json: Json = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for review tools.")] = False,
    folder: Folder = None,
) -> None:
    """Say what the rules find in each letter. Exit 1 when the gate blocks one."""
    linter, spoken = Linter(), _install(folder)
    results: list[tuple[Path, str, Report]] = []
    for path in paths:
        text = _read(path)
        results.append((path, text, lint(linter, _wanted(path, text, language, kind, spoken))))
    if as_sarif:
        print(json.dumps(sarif((str(p), r) for p, _, r in results), ensure_ascii=False, indent=2))
    elif as_json:
        print(json.dumps([{"file": str(p), **r.as_json()} for p, _, r in results], ensure_ascii=False, indent=2))
    else:
        for path, text, report in results:
            for finding in report.findings:
                print(_line(path, text, finding))
            print(f"{path}: {report.gate}")
    raise SystemExit(int(any(report.gate == "block" for _, _, report in results)))


def _install(folder: Path | None) -> Languages:
    try:
        spoken = Languages.of(folder)
    except LanguagesError as problem:
        fail(str(problem), 2)
    packs.install(spoken)
    return spoken


def _wanted(path: Path, text: str, language: str, kind: str, spoken: Languages) -> LintIn:
    found: Any = None
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            fail(f"{path}: {error}", 2)
    body: dict[str, Any] = {"text": text}
    if isinstance(found, dict):
        body = found if "letter" in found or "text" in found else {"letter": found}
        letter_ = body.get("letter") or {}
        language = language or body.get("language") or letter_.get("language") or ""
        kind = body.get("kind") or letter_.get("kind") or kind
    wanted = _valid(LintIn, path, {**body, "language": language or spoken.told(text), "kind": kind})
    _there(path, wanted.language)
    return wanted


def _there(path: Path, language: str) -> None:
    if language not in packs.codes():
        fail(f"{path}: language: {language} is none of {', '.join(packs.codes())}", 2)


@letter.command("preview")
def preview_file(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Case, handler and decision in YAML or JSON.")],
    html: Annotated[bool, typer.Option("--html", help="Print the HTML part.")] = False,
    policy_file: Annotated[Path | None, typer.Option("--policy", help="A letter policy of your own.")] = None,
    as_json: Json = False,
    folder: Folder = None,
) -> None:
    """Show the letter that these data make, and what the rules find in it. Exit 1 when it could not go out."""
    try:
        document = yaml.safe_load(_read(path))
    except yaml.YAMLError as error:
        fail(f"{path}: {' '.join(str(error).split())}", 2)
    writer, wanted = _writer(folder, policy_file), _valid(PreviewIn, path, document)
    _there(path, wanted.language)
    shown = preview(writer, wanted)
    if as_json:
        print(json.dumps(shown.model_dump(), ensure_ascii=False, indent=2))
    elif shown.missing:
        print(f"amends: {path}: no letter: {shown.missing}", file=sys.stderr)
    elif html:
        print(shown.html)
    else:
        print(f"{shown.subject}\n\n{shown.text}")
        for found in shown.findings:
            print(f"{found.rule} {found.level}: {found.message}. {found.suggestion}", file=sys.stderr)
    raise SystemExit(int(shown.gate == "block"))


@letter.command("languages")
def try_languages(folder: Folder = None) -> None:
    """Try every language there is: each letter is written over made-up cases and checked. Exit 2 when one is unfit."""
    writer = _writer(folder, None)
    for code, language in writer.languages.items():
        try:
            written = specimens.try_out(writer, [code])
        except (specimens.Unfit, packs.LanguageError) as problem:
            fail(str(problem), 2)
        rest = f", the other kinds in {language.otherwise}" if language.otherwise else ""
        print(f"{code} {language.name}: {len(language.letters)} kinds of letters, {written} letters pass{rest}")


def _writer(folder: Path | None, policy_file: Path | None) -> Writer:
    _install(folder)
    try:
        return Writer(languages.load_all(), packs.signed(policy.load(policy_file)), Linter())
    except (policy.PolicyError, packs.LanguageError) as error:
        fail(str(error), 2)


def _line(path: Path, text: str, finding: Finding) -> str:
    line = text.count("\n", 0, finding.start) + 1
    column = finding.start - (text.rfind("\n", 0, finding.start) + 1) + 1
    return f"{path}:{line}:{column}: {finding.rule} {finding.level}: {finding.message} → {finding.suggestion}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        fail(f"{path}: {error.strerror}", 2)
    except UnicodeDecodeError:
        fail(f"{path}: not UTF-8 text", 2)


def _valid(model: type[T], path: Path, document: Any) -> T:
    try:
        return model.model_validate(document)
    except ValidationError as problem:
        error = problem.errors(include_url=False)[0]
        where = ".".join(map(str, error["loc"]))
        fail(f"{path}: {where + ': ' if where else ''}{error['msg']}", 2)
