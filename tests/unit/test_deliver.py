"""The pace of retries, the ledger's moves, and a mail server's address."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from shared.deliver.backoff import delay, next_try
from shared.deliver.ledger import MOVES, STATES, IllegalMove, message_id, move
from shared.deliver.smtp import BadUrl, refusal, server

NOW = datetime(2026, 6, 9, tzinfo=UTC)


def test_waits_double_up_to_the_cap_and_are_spread() -> None:
    chance = Random(1)
    waits = [delay(n, base=30, cap=3600, chance=chance) for n in range(1, 40)]
    for n, wait in enumerate(waits):
        whole = min(3600.0, 30 * 2.0**n)
        assert whole / 2 <= wait <= whole
    assert len(set(waits)) == len(waits)


def test_nothing_is_tried_after_the_deadline() -> None:
    soon, late = NOW + timedelta(seconds=10), NOW + timedelta(days=3)
    assert next_try(NOW, 1, soon, base=30, cap=60, chance=Random(1)) is None
    again = next_try(NOW, 1, late, base=30, cap=60, chance=Random(1))
    assert again is not None
    assert NOW < again <= NOW + timedelta(seconds=30)


def test_the_ledger_never_goes_back_from_sent_and_sends_unknown_again_by_ready_only() -> None:
    assert set(MOVES) == set(STATES)
    assert MOVES["sent"] == MOVES["cancelled"] == frozenset()
    assert "sending" not in MOVES["unknown"]
    assert move("unknown", "ready") == "ready"
    assert {s for s in STATES if "sending" in MOVES[s]} == {"ready", "retry"}
    for before, after in (("sent", "ready"), ("sending", "ready"), ("sending", "cancelled"), ("cancelled", "ready")):
        with pytest.raises(IllegalMove):
            move(before, after)  # type: ignore[arg-type]


def test_the_message_id_belongs_to_the_letter() -> None:
    letter = UUID("6f0ad9e3-52f1-4a59-8f6d-0b7f8ad9c1a1")
    assert message_id(letter, "amends.example") == "<6f0ad9e3-52f1-4a59-8f6d-0b7f8ad9c1a1@amends.example>"


def test_reply_codes_mean_now_or_for_good() -> None:
    assert [refusal(code).state for code in (421, 450, 452, 550, 552, 554)] == ["retry"] * 3 + ["failed"] * 3


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://localhost", ("localhost", 25, None, None, False, False)),
        ("smtp://u:p%40s@mail.example:587?starttls=1", ("mail.example", 587, "u", "p@s", False, True)),
        ("smtp://mail.example?starttls=1", ("mail.example", 587, None, None, False, True)),
        ("smtps://mail.example", ("mail.example", 465, None, None, True, False)),
    ],
)
def test_server_addresses(url: str, expected: tuple[object, ...]) -> None:
    found = server(url)
    assert (found.host, found.port, found.username, found.password, found.tls, found.start_tls) == expected


@pytest.mark.parametrize("url", ["", "http://x", "smtp://", "smtp://host:port", "localhost:25"])
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        server(url)
