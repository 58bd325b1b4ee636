"""The packs that are shipped: which rows there are, where each is from, and how its source counts days."""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from services.escalation.book import Edition, PolicyBook, in_force_from
from services.escalation.checks import check
from services.escalation.counting import convention_words, last_moment
from services.escalation.document import Faulty
from services.escalation.policy import Duty, Pack, Rule, Subject
from shared.calendars import Duration, builtin, explain, read_moment
from tests.support.lives import pack

PACKS = {p.stem: p for p in sorted(Path(str(files("services.escalation") / "packs")).glob("*.yaml"))}
LAW = [name for name in PACKS if name != "house-tiered"]

# pack, kind, start → limits in the order of the file; `+` before a longer limit that a holding letter gives.
ROWS = {
    "uk-fca-disp": ["acknowledgement 5wd:close", "summary_resolution 3wd:close", "final_response 8w",
                    "final_response 15wd +35wd", "outside_window 6mo told"],
    "uk-ofcom": ["final_response 8w", "final_response 6w"],
    "uk-housing-2024": ["acknowledgement 5wd", "final_response 10wd +20wd acknowledged", "acknowledgement 5wd stage2",
                        "final_response 20wd +40wd stage2_acknowledged"],
    "uk-spso": ["final_response 5wd +10wd", "acknowledgement 3wd stage2", "final_response 20wd stage2"],
    "uk-nhs": ["acknowledgement 3wd", "final_response 6mo +12mo"],
    "us-cfpb": ["final_response 15cd +60cd"],
    "us-dot-air": ["acknowledgement 30cd", "final_response 60cd", "final_response 30cd"],
    "us-reg-e": ["decision 10wd +45cd", "remedy 1wd decided", "final_response 3wd decided"],
    "us-reg-x": ["acknowledgement 5wd", "final_response 30wd +45wd"],
    "us-reg-z": ["acknowledgement 30cd", "final_response 90cd"],
    "au-asic-rg271": ["acknowledgement 1wd", "summary_resolution 5wd", "final_response 30cd", "final_response 45cd",
                      "final_response 21cd"],
    "au-acma-telco": ["acknowledgement 2wd", "final_response 2wd", "final_response 2wd", "final_response 15wd",
                      "remedy 10wd agreed"],
    "ie-cbi": ["acknowledgement 5wd", "next_update 20wd", "final_response 40wd"],
    "za-postal": ["acknowledgement 3cd", "final_response 15cd"],
    "cn-samr-12315": ["acknowledgement 7wd", "decision 45wd acknowledged", "final_response 7wd decided",
                      "final_response 15wd"],
    "cn-bank-insurance": ["final_response 15cd +30cd +60cd"],
    "cn-miit-telecom": ["final_response 15cd"],
    "cn-12345-beijing": ["first_response 2h", "first_response 24h", "final_response 7cd +15cd"],
    "cn-express": ["final_response 7cd", "final_response 30cd"],
    "eu-uk-air": ["final_response 8w", "final_response 2mo"],
}  # fmt: skip


def read(name: str) -> Pack:
    return check(PACKS[name].read_text(encoding="utf-8"), builtin())


def test_every_pack_of_the_list_is_shipped_with_every_row() -> None:
    assert set(ROWS) == set(LAW)
    for name, rows in ROWS.items():
        found = [
            " ".join(
                [r.clock, str(r.limit), *(f"+{e.limit}" for e in r.extension), *([r.start] * (r.start != "receipt"))]
            )
            for r in read(name).clocks
        ]
        assert found == rows, name


@pytest.mark.parametrize("name", LAW)
def test_each_row_says_itself_where_it_is_from_how_sure_that_is_and_since_when(name: str) -> None:
    found = read(name)
    assert not found.active, "law is switched on by whoever knows that it applies"
    rows: list[Rule | Duty] = [*found.clocks, *found.duties]
    for row in rows:
        assert row.source, row
        assert row.as_of, row
        assert row.confidence, row
        assert row.effective_from, row
    for rule in found.clocks:
        assert found.provenance(rule)["notice"] == "Example configuration, not legal advice."
        assert rule.lapses or rule.ladder, "somebody hears of it"


def bound_by(name: str, at: datetime, **more: object) -> dict[str, datetime]:
    """Pack switched on: kind → the strictest deadline of a complaint that is received then."""
    book = PolicyBook(builtin())
    body = PACKS[name].read_text(encoding="utf-8").replace("active: false", "active: true")
    book.put(Edition(1, check(body, book.calendars), 1, in_force_from(read(name), None), body))
    subject = Subject("low", "web", "en", at, **more)  # type: ignore[arg-type]
    return {
        kind: min(last_moment(t.calendar, at, t.rule.limit, t.rule.convention) for t in terms)
        for kind, terms in book.matching(book.pins(at), subject)
    }


def test_the_receipt_date_chooses_ofcoms_eight_or_six_weeks_by_the_day_in_london() -> None:
    at = datetime(2026, 4, 7, 22, 30, tzinfo=UTC)  # 23:30 in London
    assert (bound_by("uk-ofcom", at)["final_response"] - at).days == 56
    at = datetime(2026, 4, 7, 23, 30, tzinfo=UTC)  # half past midnight there
    assert (bound_by("uk-ofcom", at)["final_response"] - at).days == 42


def test_a_payment_complaint_has_fifteen_business_days_and_others_eight_weeks() -> None:
    at = datetime(2026, 12, 1, 11, 15, tzinfo=UTC)
    assert bound_by("uk-fca-disp", at)["final_response"] == datetime(2027, 1, 26, 11, 15, tzinfo=UTC)
    assert bound_by("uk-fca-disp", at, product="e_money")["final_response"] == datetime(
        2026, 12, 22, 11, 15, tzinfo=UTC
    )


CONVENTIONS = [
    # calendar, start, limit, conventions → due (local), why
    ("uk-england", "2026-03-02T10:00", "3cd", ["whole_last_day"], "2026-03-06T00:00", "the third day in full"),
    ("uk-england", "2026-03-02T10:00", "3wd", ["whole_last_day"], "2026-03-05T17:00", "to the close of the third day"),
    ("uk-england", "2026-03-02T10:00", "3wd", ["first_day_counts"], "2026-03-04T17:00", "Monday is day one"),
    ("uk-england", "2026-03-02T10:00", "1wd", ["first_day_counts"], "2026-03-02T17:00", "the same day's close"),
    ("uk-england", "2026-02-28T10:00", "1wd", ["first_day_counts"], "2026-03-02T17:00", "Monday is day one"),
    ("uk-england", "2026-03-02T10:00", "5cd", ["first_day_counts"], "2026-03-07T00:00", "Monday to Friday"),
    ("uk-england", "2026-03-02T10:00", "5cd", ["next_working_day"], "2026-03-09T17:00", "Saturday moves on"),
    ("uk-england", "2026-03-02T10:00", "4cd", ["next_working_day"], "2026-03-06T10:00", "Friday stays"),
    ("uk-england", "2026-03-02T10:00", "4cd", ["whole_last_day", "next_working_day"], "2026-03-07T00:00",
     "the end of Friday is Friday"),
    ("uk-england", "2026-03-02T10:00", "5cd", ["whole_last_day", "next_working_day"], "2026-03-09T17:00",
     "the end of Saturday is Saturday"),
    ("uk-england", "2026-10-31T10:00", "2mo", ["whole_last_day", "next_working_day"], "2027-01-01T00:00",
     "Thursday 31 December"),
    ("uk-england", "2026-11-01T10:00", "2mo", ["next_working_day"], "2027-01-04T17:00", "1 January is a holiday"),
    ("uk-england", "2026-02-28T11:00", "1wd", ["from_opening"], "2026-03-03T09:00", "counts from Monday 09:00"),
    ("uk-england", "2026-02-28T11:00", "4bh", ["from_opening"], "2026-03-02T13:00", "the same in hours"),
    ("uk-england", "2025-08-31T12:00", "6mo", ["whole_last_day"], "2026-03-01T00:00", "the end of 28 February"),
    ("cn-mainland", "2026-09-29T16:40", "7wd", ["whole_last_day"], "2026-10-14T18:00", "over the holiday of 2026"),
    ("cn-mainland", "2026-09-20T10:00", "15cd", ["whole_last_day", "next_working_day"], "2026-10-08T18:00",
     "5 October is closed; the eighth is worked"),
]  # fmt: skip


@pytest.mark.parametrize("row", CONVENTIONS, ids=lambda row: f"{row[1]}+{row[2]} {','.join(row[3])}")
def test_days_are_counted_as_the_source_counts_them(row: tuple[str, str, str, list[str], str, str]) -> None:
    id_, start, limit, conventions, due, _ = row
    calendar = builtin().get(id_)
    found = last_moment(calendar, read_moment(start, calendar.zone), Duration.parse(limit), conventions)  # type: ignore[arg-type]
    assert found.astimezone(calendar.zone).isoformat()[:16] == due


def test_a_convention_is_told_with_the_deadline() -> None:
    calendar, limit = builtin().get("uk-england"), Duration.parse("5cd")
    start = read_moment("2026-03-02T10:00", calendar.zone)
    due = last_moment(calendar, start, limit, ["next_working_day"])
    said = convention_words(explain(calendar, start, limit, due), ["next_working_day"])
    assert said.en == (
        "5 calendar days in Europe/London from 2 Mar 10:00; a last day off moves to the next working day"
        " → due 9 Mar 17:00"
    )
    assert said.zh.endswith("；遇休息日顺延至下一工作日 → 截止3月9日17:00")


def test_every_wrong_row_is_named_and_nothing_else() -> None:
    rows = "  - {clock: decision, limit: soon}\n  - {clock: decison, limit: 3wd}\n  - {clock: decision, limit: 3wd}"
    with pytest.raises(Faulty) as refused:
        check(pack(rows), builtin())
    assert [(f.line, f.key) for f in refused.value.faults] == [(12, "clocks[0].limit"), (13, "clocks[1].clock")]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{clock: callback, limit: 3h, start: told}", "clocks[0].start: a callback clock has a start of its own"),
        ("{clock: decision, limit: 3h, start: lunch}", "clocks[0].start: Input should be 'receipt'"),
        ("{clock: decision, limit: 3h, stop: wish}", "clocks[0].stop"),
        ("{clock: decision, limit: 3h, convention: first_day_counts}", "is for limits in days"),
        ("{clock: decision, limit: 3h, convention: whole_last_day}", "is for limits in days, weeks or months"),
        ("{clock: decision, limit: 3wd, convention: next_working_day}", "working days never end on a day off"),
        ("{clock: decision, limit: 3wd, convention: roundly}", "clocks[0].convention"),
        ("{clock: decision, limit: 3wd, extension: [{limit: 2wd, after: holding_letter}]}", "each limit is longer"),
        ("{clock: decision, limit: 3wd, extension: [{limit: 9wd, after: lunch}]}", "clocks[0].extension[0].after"),
        ("{clock: decision, limit: 3wd, pausable: true, pause_while: enquiry}", "clocks[0].pause_while"),
        ("{clock: decision, limit: 3wd, ladder: [{at: 100%, action: holding_letter}]}", "goes out before the limit"),
        ("{clock: decision, limit: 3wd, ladder: [{at: +1wd, action: holding_letter}]}", "goes out before the limit"),
        ("{clock: decision, limit: 3wd, ladder: [{at: 50%, action: notify, skill: tax}]}", "are for action: reassign"),
        ("{clock: decision, limit: 3wd, confidence: sure}", "clocks[0].confidence: Input should be 'design'"),
    ],
)
def test_a_contradiction_is_refused_with_its_key_and_what_would_be_right(row: str, says: str) -> None:
    with pytest.raises(Faulty) as refused:
        check(pack(f"  - {row}"), builtin())
    assert says in str(refused.value)
    assert str(refused.value).startswith("12: clocks[0]")
