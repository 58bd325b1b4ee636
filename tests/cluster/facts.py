"""What really happened, from the databases and the caught mails."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import asyncpg

from tests.cluster.outside import Outside


@dataclass(frozen=True)
class Facts:
    """Complaint ids that intake holds; per complaint its sent acknowledgements; caught mails by Message-ID."""

    complaints: frozenset[str]
    acknowledged: Counter[str]
    mails: Counter[str]

    def lost(self, accepted: set[str]) -> set[str]:
        """Accepted complaints that intake does not hold."""
        return accepted - self.complaints

    def unanswered(self, accepted: set[str]) -> set[str]:
        """Accepted complaints without an acknowledgement."""
        return {complaint for complaint in accepted if not self.acknowledged[complaint]}

    def doubled(self) -> list[str]:
        """Complaints that were acknowledged twice, and mails that came twice."""
        return [key for counted in (self.acknowledged, self.mails) for key, number in counted.items() if number > 1]


def facts(outside: Outside) -> Facts:
    """Read them now."""

    async def read() -> tuple[list[str], list[str]]:
        connection = await asyncpg.connect(outside.local_admin_url)
        try:
            held = await connection.fetch("SELECT complaint_id::text FROM intake.complaint")
            sent = await connection.fetch(
                "SELECT complaint_id::text FROM notifier.letter WHERE kind = 'acknowledgement' AND state = 'sent'"
            )
        finally:
            await connection.close()
        return [row[0] for row in held], [row[0] for row in sent]

    held, sent = asyncio.run(read())
    mails = Counter(str(mail["message_id"]) for mail in outside.mail.messages(brief=True))
    return Facts(frozenset(held), Counter(sent), mails)
