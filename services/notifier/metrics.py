"""What the notifier counts for good, shows of its letters and promises, and measures of its sending."""

from typing import get_args

from shared.base.measures import counter, gauge, histogram
from shared.events.notifier import PromiseMade
from shared.spine.figures import Distribution, State, Total

from .letter import KINDS

OUTCOMES = ("sent", "retry", "unknown", "failed", "blocked")
WAITING = ("owed", "ready", "sending", "retry", "unknown", "failed", "blocked", "no_address")
PROMISE_KINDS = get_args(PromiseMade.model_fields["kind"].annotation)
_DAY = 86400.0

LETTERS = Total(
    "amends_letters_total", "Letters by what became of them; a letter that was unknown may later be sent or failed too",
    {"kind": KINDS, "outcome": OUTCOMES}, answers="Do customers get their letters?",
)  # fmt: skip
PROMISES = Total(
    "amends_promises_total", "Promises in letters that were sent: made, and what became of them",
    {"kind": PROMISE_KINDS, "outcome": ("made", "kept", "broken", "cancelled")},
    answers="Do we do what we write? Stands beside promises per upheld case and the days we give ourselves.",
)  # fmt: skip
PROMISED = Distribution(
    "amends_promised_seconds", "Time that we gave ourselves, from the letter to the promised date",
    {"kind": PROMISE_KINDS},
    answers="Are promises kept because they are easy? Stands beside the share of promises kept.",
    bounds=tuple(d * _DAY for d in (0.25, 0.5, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 56, 84)),
)  # fmt: skip
WAITING_LETTERS = State(
    "amends_letters_open", "Letters that are not done with: on their way, or waiting for a person", {"state": WAITING},
    answers="Which letters wait, and for whom?",
)  # fmt: skip
OLDEST_LETTER = State(
    "amends_oldest_letter_timestamp_seconds", "Since when the letter that waits longest for its sending waits", {},
    answers="Does mail flow?", moment=True,
)  # fmt: skip
OPEN_PROMISES = State(
    "amends_promises_open", "Promises that are neither kept nor broken", {"kind": PROMISE_KINDS},
    answers="What do we still owe?",
)  # fmt: skip

ATTEMPTS = counter(
    "amends_letter_attempts_total", "Attempts of this process to send letters",
    labels={"kind": KINDS, "outcome": ("sent", "retry", "unknown", "failed")},
    answers="What does the mail server say right now, to this replica?",
)  # fmt: skip
SEND_SECONDS = histogram(
    "amends_letter_send_seconds", "Handing one letter to the mail server",
    answers="Is the mail server slow?",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
)  # fmt: skip
IN_FLIGHT = gauge(
    "amends_letters_in_flight", "Letters of this process between claim and settlement",
    answers="How many letters would be unknown if this process died now?",
)  # fmt: skip
