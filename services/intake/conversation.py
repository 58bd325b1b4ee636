"""Later words about a known complaint, from a channel or from the customer's page: one transaction, once per key."""

from dataclasses import dataclass
from uuid import UUID

from shared.base.errors import NotFound, Problem, Stalled
from shared.spine.unit import Work

from . import identity
from .admission import Admission
from .commands import COMMANDS, Said
from .entry import Stored, same_body
from .model import Case
from .store import cases, entries


@dataclass(frozen=True, slots=True)
class Conversation:
    """`say` applies one of commands.COMMANDS."""

    work: Work[Case]
    admission: Admission

    def id_for(self, source: str, key: str | None) -> UUID:
        """The id of a word: the same for the same key, so that files and events derive from it."""
        return identity.keyed_id(self.admission.deployment, source, f"say\x1f{key}") if key else identity.uuid7()

    async def say(
        self, complaint_id: UUID, word: str, said: Said, *, source: str, body: str, files: tuple[Stored, ...] = ()
    ) -> bool:
        """Apply a word. True when it was applied before.

        Raises NotFound, Stalled, Conflict when it makes no sense now, Problem 422 when its key said something else.
        """
        return await self.work.db.retrying(lambda: self._say(complaint_id, word, said, source, body, files))

    async def _say(
        self, complaint_id: UUID, word: str, said: Said, source: str, body: str, files: tuple[Stored, ...]
    ) -> bool:
        async with self.work.db.read() as tx:
            known = await cases.body_of(tx, complaint_id)
        if known is None:  # asked before locking: a lock would leave a row for every id that somebody makes up
            raise NotFound("complaint")
        async with self.work.unit([complaint_id]) as unit:
            if unit.streams[complaint_id].stalled:
                raise Stalled(complaint_id)
            if not await cases.add_message(
                unit.tx,
                message_id=said.id,
                complaint_id=complaint_id,
                kind=word,
                source=source,
                body=body,
                now=unit.now,
                until=unit.now + self.admission.retention.of("message"),
            ):
                first = await cases.message(unit.tx, said.id)
                if first is None or first[:2] != (complaint_id, word) or not same_body(first[2], body):
                    raise Problem(422, "Idempotency key reused", "This key was used before for something else.")
                return True
            case = (await self.work.store.load(unit.tx, [complaint_id]))[complaint_id]
            effects = list(COMMANDS[word](case, said, unit.now))
            until = unit.now + self.admission.retention.of("attachment")
            if files:
                await entries.add_files(unit.tx, [(complaint_id, said.id, file) for file in files], until)
            case.version += 1
            unit.add(complaint_id, said.id, effects)
            await self.work.store.save(unit.tx, [case])
        return False
