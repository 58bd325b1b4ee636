"""Calls of the hotline: each message about a call is merged into it, and the call becomes what it is.

A call's id is also the id of its complaint, so whatever the order there is one complaint. What becomes one is told to
the others when there are words; when none come within `patience`, the sweep tells what is known. Who only asks how far
we are and has one open complaint chases it, reference or not. Who gave up waiting and left a number is called back.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base.loops import LoopControl
from shared.spine.effects import Effect
from shared.spine.unit import Unit, Work, counted

from . import accounting, calls, classify, commands, identity, reference
from .admission import Admission
from .commands import Said
from .entry import Entry, person_of
from .model import Case
from .requests import CallIn, CallOut, CustomerIn
from .store import calls as store
from .store import cases, finding
from .store.calls import Call

SWEEP = 50
SOON = timedelta(seconds=10)
MISSED = "未接来电：客户没有等到接听，请回电。\nMissed call: the caller gave up waiting; please call back."


@dataclass(frozen=True, slots=True)
class Switchboard:
    """`heard` takes one message about a call; `run` is the sweep for calls without words."""

    work: Work[Case]
    admission: Admission
    region: str
    patience: timedelta

    async def heard(self, call: CallIn, *, source: str, tier_counts: bool) -> tuple[CallOut, bool]:
        """Merge, decide, tell. The answer, and whether the call was unknown before."""
        document = calls.document(call)
        if not tier_counts:
            document.get("caller", {}).pop("tier", None)
        return await self.work.db.retrying(lambda: self._heard(source, call.call_id, document))

    async def _heard(self, source: str, call_id: str, document: dict[str, Any]) -> tuple[CallOut, bool]:
        key = identity.keyed_id(self.admission.deployment, source, f"call\x1f{call_id}")
        named = reference.parse(document.get("reference", ""))
        async with self.work.db.read() as tx:
            about = await cases.id_of(tx, named) if named else None
            theirs = None if about else await self._only_open(tx, key, document)
        async with self.work.unit([id for id in (key, about, theirs) if id]) as unit:
            known = await store.get(unit.tx, key)
            call = known or Call(key, source, call_id, reference.new(), {}, "", None, "", None, unit.now)
            before = accounting.became(call) if known else None
            call.document = calls.merge(call.document, document)
            call.waited_seconds = calls.waited(call.document)
            if theirs and call.complaint_id is None and classify.is_chase(calls.words(call.document)):
                about = theirs
            await self._settle(unit, call, about)
            await store.put(unit.tx, call, unit.now + self.admission.retention.of("call"))
            after = accounting.became(call)
            unit.count(*accounting.call(source, known=known is not None, before=before, after=after))
            told = await self._told(unit, call)
        return told, known is None

    async def _only_open(self, tx: AsyncConnection, key: UUID, document: dict[str, Any]) -> UUID | None:
        """The one open complaint of the caller, by what this message and the earlier ones say of them."""
        known = await store.get(tx, key)
        return await finding.only_open(tx, self._contacts(calls.merge(known.document, document) if known else document))

    def _contacts(self, document: dict[str, Any]) -> list[tuple[str, str]]:
        caller = CustomerIn.model_validate(document.get("caller", {}))
        found = identity.contacts(self.region, caller.external_id, caller.email, caller.phone)
        return [(contact.kind, contact.value) for contact in found]

    async def _told(self, unit: Unit, call: Call) -> CallOut:
        if call.complaint_id is None or call.complaint_id == call.call_key:
            ref = call.reference if call.outcome != "abandoned" else None
        else:
            case = (await self.work.store.load(unit.tx, [call.complaint_id]))[call.complaint_id]
            ref = case.origin.reference if case.origin else None
        about = call.complaint_id or (call.call_key if ref else None)
        return CallOut.model_validate({"outcome": call.outcome, "complaint_id": about, "reference": ref})

    async def _settle(self, unit: Unit, call: Call, about: UUID | None, *, now_or_never: bool = False) -> None:
        """Bring what the others know of the call up to what is known."""
        said = calls.words(call.document)
        if call.complaint_id == call.call_key:
            if said != call.said:
                await self._more(unit, call, call.call_key, said)
            return
        about = about or call.complaint_id
        case = (await self.work.store.load(unit.tx, [about]))[about] if about else None
        call.outcome = calls.outcome(call.document, about_open=case.open if case else None)
        if case:
            if said != call.said or call.complaint_id is None:
                await self._more(unit, call, case.complaint_id, said)
            return
        if call.outcome == "abandoned":
            # Others of its messages may still be on their way; then somebody calls back, if there is a number.
            reachable = any(kind == "phone" for kind, _ in self._contacts(call.document))
            call.settle_at = call.settle_at or unit.now + min(self.patience, SOON) if reachable else None
        elif now_or_never or calls.settled(call.document, call.outcome):
            await self._announce(unit, call, said)
        else:
            call.settle_at = call.settle_at or unit.now + self.patience

    async def _announce(self, unit: Unit, call: Call, said: str) -> None:
        call.complaint_id, call.said, call.settle_at = call.call_key, said, None
        entry = self._entry(call, said)
        await self.admission.admit(unit, [entry])
        if "callback_promised_at" in call.document:
            case = (await self.work.store.load(unit.tx, [call.call_key]))[call.call_key]
            await self._apply(unit, case, uuid5(call.call_key, "callback"), self._callback(case, call, unit.now))

    async def _call_back(self, unit: Unit, call: Call, theirs: UUID | None) -> None:
        """A caller who gave up: their open complaint asks for a call, or a question of its own does."""
        call.complaint_id, call.settle_at = theirs or call.call_key, None
        if not theirs:
            await self.admission.admit(unit, [self._entry(call, MISSED)])
        case = (await self.work.store.load(unit.tx, [call.complaint_id]))[call.complaint_id]
        at = _moment(call.document["started_at"])
        word = Said(uuid5(call.call_key, "missed"), "hotline", "" if theirs is None else MISSED, received_at=at)
        await self._apply(unit, case, word.id, list(commands.call_me(case, word, unit.now)))

    async def _more(self, unit: Unit, call: Call, about: UUID, said: str) -> None:
        """Words about a complaint that is known: only what has not been told yet."""
        case = (await self.work.store.load(unit.tx, [about]))[about]
        new = said.removeprefix(call.said).strip() if call.said else said
        at = _moment(call.document["started_at"])
        word = Said(uuid5(call.call_key, hashlib.sha256(said.encode()).hexdigest()), "hotline", new, received_at=at)
        first_time = call.complaint_id is None  # one call chases once, however many messages tell of it
        command = commands.chase if call.outcome == "chase" and first_time else commands.message
        call.complaint_id, call.said, call.settle_at = about, said, None
        await self._apply(unit, case, word.id, list(command(case, word, unit.now)))

    def _callback(self, case: Case, call: Call, now: datetime) -> list[Effect]:
        promised = _moment(call.document["callback_promised_at"])
        word = Said(uuid5(call.call_key, "callback"), "hotline", promised_at=promised)
        return list(commands.call_me(case, word, now))

    async def _apply(self, unit: Unit, case: Case, cause: UUID, effects: list[Effect]) -> None:
        case.version += 1
        unit.add(case.complaint_id, cause, effects, counted=counted(case))
        await self.work.store.save(unit.tx, [case])

    def _entry(self, call: Call, said: str) -> Entry:
        doc = call.document
        caller = CustomerIn.model_validate(doc.get("caller", {}))
        body = json.dumps({"call_id": call.call_id, **doc}, ensure_ascii=False)
        return Entry(
            id=call.call_key,
            reference=call.reference,
            source=call.source,
            came_by="call",
            kind="complaint" if call.outcome == "complaint" else "question" if said == MISSED else calls.kind(said),
            channel="hotline",
            person=person_of(caller, self.region, text=said),
            contacts=identity.contacts(self.region, caller.external_id, caller.email, caller.phone),
            body=body,
            body_hash=hashlib.sha256(body.encode()).digest(),
            size=len(body),
            # A telephone system's clock may run ahead of ours; nothing was received in the future.
            received_at=min(_moment(doc.get("queued_at", doc["started_at"])), datetime.now(UTC)),
            language=caller.language,
            tier=caller.tier,
        )

    async def run(self, control: LoopControl) -> None:
        """Tell what is known of calls whose words do not come."""
        while not control.stopping:
            async with self.work.db.read() as tx:
                waiting = await store.due(tx, SWEEP)
            for key in waiting:
                control.beat()
                await self._give_up_waiting(key)
            await control.sleep(0.0 if len(waiting) == SWEEP else 5.0)

    async def _give_up_waiting(self, key: UUID) -> None:
        async with self.work.db.read() as tx:
            theirs = await self._only_open(tx, key, {})
        async with self.work.unit([key, theirs] if theirs else [key]) as unit:
            call = await store.get(unit.tx, key)
            if call and call.settle_at and call.settle_at <= unit.now:
                before = accounting.became(call)
                if call.outcome == "abandoned":
                    await self._call_back(unit, call, theirs)
                else:
                    await self._settle(unit, call, None, now_or_never=True)
                await store.put(unit.tx, call, unit.now + self.admission.retention.of("call"))
                after = accounting.became(call)
                unit.count(*accounting.call(call.source, known=True, before=before, after=after))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
