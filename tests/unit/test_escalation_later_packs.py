"""A pack that a later version stored: old pods meet it while pods change, and after a rollback."""

from datetime import UTC, datetime

import pytest

from services.escalation.book import Edition, PolicyBook
from services.escalation.checks import check, understood
from services.escalation.document import Faulty
from services.escalation.policy import Subject
from shared.calendars import builtin
from tests.support.lives import pack

T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
LATER = pack(
    "  - {clock: decision, limit: 3wd}\n"
    "  - {clock: first_response, limit: 30min, when: {a_word_of_tomorrow: yes}}\n"
    "  - {clock: a_clock_of_tomorrow, limit: 1h}\n"
    "  - {clock: final_response, limit: 20wd}"
).replace("calendar:", "a_key_of_tomorrow: 3\ncalendar:")


def test_what_is_not_understood_begins_no_clock_and_the_rest_holds_in_its_place() -> None:
    with pytest.raises(Faulty):
        check(LATER, builtin())
    found, unknown = understood(LATER, builtin())
    assert {fault.key for fault in unknown} == {
        "a_key_of_tomorrow",
        "clocks[1].when.a_word_of_tomorrow",
        "clocks[2].clock",
    }
    book = PolicyBook(builtin())
    book.put(Edition(1, found, 1, T))
    matches = book.matching(book.pins(T), Subject("high", "web", "en", T))
    assert {(kind, terms.index) for kind, each in matches for terms in each} == {("decision", 0), ("final_response", 3)}


def test_a_clock_that_the_later_version_began_runs_on_to_its_limit() -> None:
    found, _ = understood(LATER, builtin())
    book = PolicyBook(builtin())
    book.put(Edition(1, found, 1, T))
    assert str(book.terms(found.pack, 1, 1, found.calendar_id(found.clocks[1], "en")).limit()) == "30min"


def test_a_pack_of_this_version_is_understood_whole() -> None:
    good = pack("  - {clock: decision, limit: 3wd}")
    assert understood(good, builtin()) == (check(good, builtin()), [])


def test_what_is_wrong_beyond_unknown_words_is_still_refused() -> None:
    with pytest.raises(Faulty):
        understood(LATER.replace("pack: ", "pak: "), builtin())
