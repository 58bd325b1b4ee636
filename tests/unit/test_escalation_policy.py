"""Promises as data: what a pack may say, where a wrong one is wrong, which version binds which complaint."""

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.escalation.book import Edition, PolicyBook, in_force_from
from services.escalation.checks import check
from services.escalation.cli import policy
from services.escalation.document import Faulty, read
from services.escalation.policy import Subject
from shared.calendars import builtin
from tests.support.lives import pack

PACKS = sorted(Path(str(files("services.escalation") / "packs")).glob("*.yaml"))
T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
GOOD = pack("  - {clock: decision, limit: 3wd}")


def fault(text: str) -> str:
    with pytest.raises(Faulty) as refused:
        check(text, builtin())
    return str(refused.value.faults[0])


@pytest.mark.parametrize("path", PACKS, ids=lambda p: p.stem)
def test_a_shipped_pack_is_valid_and_says_where_it_is_from(path: Path) -> None:
    found = check(path.read_text(encoding="utf-8"), builtin())
    assert found.pack == path.stem
    assert found.notice == "Example configuration, not legal advice."
    assert found.source
    assert found.as_of
    if found.legal:
        assert not found.active, "law is switched on by whoever knows that it applies"
        assert all(rule.source for rule in found.clocks)


def test_the_house_pack_promises_each_tier_at_least_what_the_floor_has() -> None:
    book = PolicyBook(builtin())
    body = next(p for p in PACKS if p.stem == "house-tiered").read_text(encoding="utf-8")
    found = check(body, book.calendars)
    book.put(Edition(1, found, 1, in_force_from(found, None), body))
    start = T.replace(hour=11)
    due = {}
    for tier in ("top", "high", "middle", "low"):
        subject = Subject(tier, "web", "en", start)
        ((_, terms),) = [m for m in book.matching(book.pins(start), subject) if m[0] == "decision"]
        due[tier] = min(t.calendar.add(start, t.rule.limit) for t in terms)
    assert due["top"] < due["high"] < due["middle"] == due["low"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("limit: 3wd", "limit: 3 days"), "12: clocks[0].limit: '3 days' is not a duration"),
        (("limit: 3wd", "limit: -3wd"), "12: clocks[0].limit: a limit is longer than nothing"),
        (("limit: 3wd", "limit: 3"), "12: clocks[0].limit"),
        (("limit: 3wd", "limt: 3wd"), "12: clocks[0].limit: this key is needed"),
        (("limit: 3wd", "limit: 3wd, warn: 1.5"), "12: clocks[0].warn: Input should be less than 1"),
        (("limit: 3wd", "limit: 3wd, warn: [0.8, 0.5]"), "12: clocks[0].warn: write shares once each and rising"),
        (("limit: 3wd", "limit: 3wd, when: {tier: gold}"), "12: clocks[0].when.tier: Input should be 'top'"),
        (("limit: 3wd", "limit: 3wd, calendar: moon"), "12: clocks[0].calendar: no calendar 'moon'"),
        (("limit: 3wd", "limit: 3wd, ladder: [{at: noon, action: notify}]"), "ladder[0].at: write a share"),
        (("limit: 3wd", "limit: 3wd, ladder: [{at: -2d, action: notify}]"), "ladder[0].at: '-2d' is not a duration"),
        (("limit: 3wd", "limit: 3wd, ladder: [{at: 90%, action: shout}]"), "ladder[0].action"),
        (("limit: 3wd", "limit: 3wd, effective_from: 2027-01-01, effective_to: 2026-01-01"), "lies before"),
        (("clock: decision", "clock: decison"), "12: clocks[0].clock: Input should be 'acknowledgement'"),
        (("calendar: always", "calendar: {zh: always, en: never}"), "8: calendar.en: no calendar 'never'"),
        (("calendar: always", "calendar: {}"), "8: calendar: name a calendar"),
        (("notice: Example configuration, not legal advice.", "notice: Trust us."), "4: notice"),
        (("pack: house", "pack: The House"), "2: pack"),
        (("legal: false", "legal: perhaps"), "9: legal"),
        (("title: Test", "title: Test\ntitle: Again"), "4: title: this key stands here twice"),
        (("as_of: 2026-01-01", "as_of: 2026-13-01"), "6: as_of: '2026-13-01' is not a value of its kind"),
        (("source: test", "source: ' '"), "5: source: must not be empty"),
        (("confidence: design", ""), "confidence: this key is needed and is not here"),
    ],
)
def test_a_wrong_pack_is_refused_with_line_key_and_what_would_be_right(change: tuple[str, str], says: str) -> None:
    text = GOOD.replace(*change)
    assert text != GOOD
    assert says in fault(text)


def test_a_legal_clock_may_not_pause() -> None:
    text = pack("  - {clock: final_response, limit: 8w, pausable: true}", legal=True)
    assert fault(text) == "12: clocks[0].pausable: a legal clock does not pause"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "[]",
        "3",
        "{",
        "a: b: c",
        "? [x]\n: y",
        "pack: *gone",
        "\x00",
        "x" * 300_000,
        "[" * 30 + "]" * 30,
    ],
)
def test_what_is_no_pack_at_all_is_refused(text: str) -> None:
    assert fault(text)


def test_aliases_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Faulty, match="nested too deeply, or too many"):
        read("\n".join(lines))
    for endless in ("a: &a [*a]", "[" * 30 + "]" * 30):
        with pytest.raises(Faulty):
            read(endless)


def test_json_is_read_as_well() -> None:
    body = read(GOOD).data | {"as_of": "2026-01-01"}
    assert check(json.dumps(body), builtin()).clocks[0].clock == "decision"


# Versions --------------------------------------------------------------------------------------------------------


def book(*bodies: tuple[str, datetime | None]) -> PolicyBook:
    made = PolicyBook(builtin())
    for n, (body, stored_at) in enumerate(bodies, 1):
        found = check(body, made.calendars)
        version = 1 + sum(e.pack.pack == found.pack for e in made.editions())
        made.put(Edition(n, found, version, in_force_from(found, stored_at), body))
    return made


def test_a_new_version_binds_what_is_received_from_then_on() -> None:
    b = book((GOOD, None), (GOOD.replace("3wd", "5wd"), T))
    assert b.pins(T - timedelta(seconds=1)) == (("house", 1),)
    assert b.pins(T) == (("house", 2),)


def test_the_receipt_date_chooses_a_dated_version_and_a_dated_rule() -> None:
    b = book(
        (GOOD, None),
        (GOOD.replace("clocks:", "effective_from: 2027-01-01\nclocks:"), T),
    )
    assert b.pins(datetime(2026, 12, 31, 23, tzinfo=UTC)) == (("house", 1),)
    assert b.pins(datetime(2027, 1, 1, tzinfo=UTC)) == (("house", 2),)
    rules = "  - {clock: decision, limit: 8w, effective_to: 2026-04-08}\n"
    rules += "  - {clock: decision, limit: 6w, effective_from: 2026-04-08}"
    b = book((pack(rules), None))
    for day, limit in ((7, "8w"), (8, "6w")):
        at = datetime(2026, 4, day, 12, tzinfo=UTC)
        ((_, (terms,)),) = b.matching(b.pins(at), Subject("low", "web", "en", at))
        assert str(terms.rule.limit) == limit


def test_a_switched_off_or_expired_pack_binds_nothing() -> None:
    b = book((GOOD, None), (GOOD.replace("legal: false", "active: false"), T))
    assert b.pins(T) == ()
    b = book((GOOD.replace("clocks:", "effective_to: 2026-06-01\nclocks:"), None))
    assert b.pins(T) == ()


def test_a_version_is_never_replaced() -> None:
    b = book((GOOD, None))
    changed = check(GOOD.replace("3wd", "9wd"), builtin())
    b.put(Edition(9, changed, 1, T, ""))
    assert str(b.edition("house", 1).pack.clocks[0].limit) == "3wd"


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("{}", True),
        ("{tier: low}", True),
        ("{tier: [top, low]}", True),
        ("{tier: top}", False),
        ("{channel: web, language: en}", True),
        ("{channel: hotline}", False),
        ("{severity: P1}", True),
        ("{cause: C1_product_quality}", False),
        ("{needs: [hardship, sign]}", True),
        ("{needs: quiet}", False),
        ("{vulnerable: false}", True),
        ("{stage: 2}", False),
    ],
)
def test_a_rule_holds_for_whom_it_names(when: str, holds: bool) -> None:
    b = book((pack(f"  - {{clock: decision, limit: 3wd, when: {when}}}"), None))
    subject = Subject("low", "web", "en", T, severity="P1", needs=("hardship",))
    assert bool(b.matching(b.pins(T), subject)) == holds


# The command line ------------------------------------------------------------------------------------------------


def test_the_command_says_file_line_and_key(tmp_path: Path) -> None:
    good, wrong = tmp_path / "good.yaml", tmp_path / "wrong.yaml"
    good.write_text(GOOD, encoding="utf-8")
    wrong.write_text(GOOD.replace("limit: 3wd", "limit: soon"), encoding="utf-8")
    run = CliRunner()
    assert run.invoke(policy, ["check", str(good)]).exit_code == 0
    answer = run.invoke(policy, ["check", str(good), str(wrong)])
    assert answer.exit_code == 1
    assert f"{wrong}:12: clocks[0].limit: 'soon' is not a duration" in answer.output
    listed = json.loads(run.invoke(policy, ["check", "--json", str(wrong)]).output)
    assert (listed[0]["faults"][0]["line"], listed[0]["faults"][0]["key"]) == (12, "clocks[0].limit")
    assert run.invoke(policy, ["check", str(tmp_path / "none.yaml")]).exit_code == 2
