"""demo.json as a table that people can read."""

from typing import Any

WORDS = {
    "accepted": "complaints accepted",
    "duplicates_suppressed": "duplicates suppressed",
    "not_complaints": "other messages",
    "acknowledged": "acknowledgements sent",
    "assigned": "complaints assigned",
    "declined_or_expired_offers": "offers declined or expired",
    "decided": "decisions",
    "clocks": "clocks",
    "escalated": "complaints escalated",
    "letters": "letters sent",
    "mails_caught": "mails caught",
    "unknown_sends": "sends with unknown outcome",
    "events": "events on the topic",
    "sequence_gaps": "gaps in the sequence",
    "without_address": "letters without an address",
    "parked_seen": "records parked",
    "parked_left": "records still parked",
    "lost": "lost",
    "doubled": "doubled",
    "seconds": "seconds",
}


def show(counts: dict[str, Any]) -> None:
    """Print the counts, one line each; a map as its sum and its parts."""
    for name, value in counts.items():
        if isinstance(value, dict):
            parts = ", ".join(f"{part} {n}" for part, n in sorted(value.items(), key=lambda item: -item[1]))
            print(f"{WORDS[name]:<28}{sum(value.values()):>7}   {parts}")
        else:
            print(f"{WORDS[name]:<28}{value:>7}")
