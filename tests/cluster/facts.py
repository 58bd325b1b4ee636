"""What really happened, from the databases and the caught mails."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg

from tests.cluster.outside import Outside
from tests.cluster.table import Refuted, wait_until

ACKNOWLEDGED = "acknowledgement sent"


@dataclass(frozen=True)
class Facts:
    """Complaint ids that intake holds; per complaint its letters (kind, state, reason); caught mails by Message-ID."""

    complaints: frozenset[str]
    letters: dict[str, list[str]]
    mails: Counter[str]

    def lost(self, accepted: set[str]) -> set[str]:
        """Accepted complaints that intake does not hold."""
        return accepted - self.complaints

    def unanswered(self, accepted: set[str]) -> Counter[str]:
        """What there is instead for accepted complaints without a sent acknowledgement."""
        instead = (self.letters.get(complaint, ["no letter"]) for complaint in accepted)
        return Counter(", ".join(letters) for letters in instead if ACKNOWLEDGED not in letters)

    def doubled(self) -> list[str]:
        """Complaints that were acknowledged twice, and mails that came twice."""
        twice = [complaint for complaint, letters in self.letters.items() if letters.count(ACKNOWLEDGED) > 1]
        return twice + [message_id for message_id, number in self.mails.items() if number > 1]


def facts(outside: Outside) -> Facts:
    """Read them now."""

    async def read() -> tuple[Iterable[str], list[tuple[str, str]]]:
        connection = await asyncpg.connect(outside.local_admin_url)
        try:
            held = await connection.fetch("SELECT complaint_id::text FROM intake.complaint")
            letters = await connection.fetch(
                "SELECT complaint_id::text, concat_ws(' ', kind, state, reason) FROM notifier.letter"
            )
        finally:
            await connection.close()
        return [row[0] for row in held], [(row[0], row[1]) for row in letters]

    held, rows = asyncio.run(read())
    letters: dict[str, list[str]] = {}
    for complaint, letter in rows:
        letters.setdefault(complaint, []).append(letter)
    mails = Counter(str(mail["message_id"]) for mail in outside.mail.messages(brief=True))
    return Facts(frozenset(held), letters, mails)


def unsettled(outside: Outside) -> list[str]:
    """Mails without an outcome, complaints (not probes) without triage or clocks, letters that still wait to go out."""
    ask = """
        SELECT 'mail' FROM intake.mail WHERE outcome IS NULL
        UNION ALL SELECT 'case ' || complaint_id FROM intake.complaint WHERE kind = 'complaint'
          AND probe IS NULL AND NOT (complaint_id IN (SELECT complaint_id FROM routing.case_file)
                   AND complaint_id IN (SELECT complaint_id FROM escalation.clock))
        UNION ALL SELECT kind || ' ' || state FROM notifier.letter WHERE state IN ('owed', 'ready', 'sending', 'retry')
    """

    async def read() -> list[str]:
        connection = await asyncpg.connect(outside.local_admin_url)
        try:
            return [row[0] for row in await connection.fetch(ask)]
        finally:
            await connection.close()

    return asyncio.run(read())


def answered(outside: Outside, accepted: set[str], seconds: float) -> Facts:
    """Wait until every accepted complaint is acknowledged. Raises Refuted with what there is instead."""
    try:
        wait_until(lambda: not facts(outside).unanswered(accepted), seconds, "not all are acknowledged")
    except Refuted as late:
        raise Refuted(f"{late}: {dict(facts(outside).unanswered(accepted))}") from None
    return facts(outside)
