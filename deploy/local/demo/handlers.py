"""The demo's handlers: clients of the public API who answer offers and work on their cases, each with their own token.

What they decide stands in `samples/decisions.yaml`, what else they do in `plan.yaml`.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import samples
from .world import Refused, World

STAFF: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("staff.yaml").read_text("utf-8"))
LOOK_EVERY = 0.4


@dataclass
class Desks:
    """All handlers of the shift.

    The plan, by the samples' record ids: `decline` and `ignore` (the first offer of the record is declined, or left
    until it expires), `late` (decided only after its clock was missed), `by` (the lead gives the case to this handler
    before work begins), `call` (the handler phones the customer first), `finish` (remedies are carried out, the case
    is resolved and closed). `left` remembers which offer was declined or ignored.
    """

    world: World
    plan: dict[str, Any] = field(
        default_factory=lambda: yaml.safe_load(Path(__file__).with_name("plan.yaml").read_text("utf-8"))
    )
    left: dict[str, str] = field(default_factory=dict)

    async def enter(self) -> None:
        """Enter the staff; nobody is available yet."""
        people = [handler for handler in STAFF if handler != "lead"]
        await asyncio.to_thread(self.world.stack.book.provide, dict.fromkeys(people, "handler"), {})
        for handler, body in STAFF.items():
            await self.world.call("manager", "PUT", "routing", f"/v1/handlers/{handler}", json=body)

    async def answer_offers(self, handler: str) -> None:
        """Come on shift, and answer offers for as long as the story runs."""
        here = {"presence": "available"}
        await self.world.call(handler, "PUT", "routing", f"/v1/handlers/{handler}/presence", json=here)
        while True:
            for offer in await self.world.call(handler, "GET", "routing", f"/v1/handlers/{handler}/offers"):
                await self._answer(handler, offer["offer_id"], self.world.record(offer["complaint_id"]))
            await asyncio.sleep(LOOK_EVERY)

    async def _answer(self, handler: str, offer: str, record: str) -> None:
        answer: tuple[str, dict[str, str]] = ("accept", {})
        if record in self.plan["ignore"] and self.left.setdefault(record, offer) == offer:
            return
        if record in self.plan["decline"] and record not in self.left:
            self.left[record] = offer
            answer = ("decline", {"reason": "I know the customer personally."})
        try:
            await self.world.call(handler, "POST", "routing", f"/v1/offers/{offer}/{answer[0]}", json=answer[1])
        except Refused as refused:
            if refused.status != 409:  # 409: it expired, or went to somebody else, since it was listed
                raise

    async def work(self, record: str) -> None:
        """Take one case of the story from its assignment to its letter and, if planned, to its end."""
        complaint = self.world.told[record]
        owner = await self._owner(record, complaint)
        if record in self.plan["call"]:
            reached = {"direction": "out", "channel": "phone", "outcome": "reached"}
            summary = "Introduced myself, asked what matters most, named the date of the answer."
            await self._do(owner, complaint, "contacts", reached | {"summary": summary})
        if record in self.plan["late"]:
            await self.world.until(f"the delay apology of {record}", lambda: self._apologised(complaint), within=120)
        await self._do(owner, complaint, "decide", samples.decisions()[record])
        await self.world.in_state(complaint, ("communicated", "resolved", "closed"))
        if record in self.plan["finish"]:
            await self._finish(owner, complaint)

    async def _owner(self, record: str, complaint: str) -> str:
        """Who works the case; the lead may give it to somebody else first."""
        await self.world.in_state(complaint, ("assigned",), within=90)
        owner = str((await self.world.case(complaint))["handler"]["id"])
        wanted = str(self.plan["by"].get(record, owner))
        if wanted != owner:
            note = "The customer expects a call-back about the shop's promise; nothing has been looked up yet."
            given = {"to": wanted, "reason": "Knows the shop and the sale.", "note": note}
            await self._do("lead", complaint, "transfer", given)
        return wanted

    async def _do(self, who: str, complaint: str, what: str, body: dict[str, Any]) -> None:
        await self.world.call(who, "POST", "routing", f"/v1/cases/{complaint}/{what}", json=body)

    async def _apologised(self, complaint: str) -> bool:
        letters = await self.world.call("lead", "GET", "notifier", f"/v1/complaints/{complaint}/letters")
        return any(letter["kind"] == "delay_apology" and letter["state"] == "sent" for letter in letters)

    async def _finish(self, owner: str, complaint: str) -> None:
        case = await self.world.case(complaint)
        for remedy in case["decision"]["remedies"]:
            await self._do(
                owner,
                complaint,
                "remedy-done",
                {"remedy_id": remedy["id"], "evidence": f"bank transfer {complaint[:8]}-01"},
            )
        await self._do(owner, complaint, "resolve", {})
        await self._do(owner, complaint, "close", {})
