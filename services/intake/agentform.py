"""What an agent writes down during a call: what was typed, what is wrong with it, and its post. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers

from shared.events.common import LANGUAGE_TAG

from . import identity, reference
from .forms import LIMITS, WANTED, Form, say

KINDS = ("complaint", "question", "praise", "suggestion")
WORDS = ("chase", "messages", "dispute", "call-me", "ask-for-manager", "withdraw")


def beginnings(typed: str, region: str) -> dict[str, Any]:
    """What may be meant by what an agent has typed so far: contacts, a name, a reference; empty texts mean nothing."""
    text = typed.strip()[:100]
    nothing = {"contacts": [], "name": "", "reference": ""}
    if len(text) < 2:
        return nothing
    if re.fullmatch(r"am-?[0-9a-z]{1,10}", text, re.IGNORECASE):
        # A name may begin so too; a reference has its dash.
        return {**nothing, "reference": "AM-" + text[2:].lstrip("-"), "name": "" if "-" in text else text}
    digits = re.sub(r"[\s().-]", "", text)
    if re.fullmatch(r"\+?\d{3,15}", digits):
        code = phonenumbers.country_code_for_region(region)
        return {**nothing, "contacts": [digits if digits[0] == "+" else f"+{code}{digits.lstrip('0')}", digits]}
    return {**nothing, "contacts": [text.lower()], "name": text}


class AgentForm(Form):
    """The web form's fields, and: which customer, which earlier complaint, what the call was about it."""

    page = "agent"

    @property
    def kind(self) -> str:
        """What the call is, when it is about nothing earlier."""
        return self["kind"] if self["kind"] in KINDS else "complaint"

    @property
    def about(self) -> str | None:
        """The reference of the earlier complaint that the call is about."""
        return reference.parse(self["about"])

    @property
    def word(self) -> str:
        """What the caller says about the earlier complaint."""
        return self["word"] if self["word"] in WORDS else "chase"

    def promised_at(self, zone: str) -> datetime | None:
        """The call-back that was promised, from the agent's local time; None for none or for what is no time."""
        try:
            return datetime.fromisoformat(self["promised"]).replace(tzinfo=ZoneInfo(zone)) if self["promised"] else None
        except ValueError:
            return None

    def errors(self, language: str) -> dict[str, str]:
        """Field → what is wrong with it."""
        wrong = {name: "long" for name, limit in LIMITS.items() if len(self[name]) > limit}
        if not self["text"] and not (self.about and self.word != "messages"):
            wrong["text"] = "text"
        if not self.about and not self["who"] and not self["email"] and not self["phone"] and not self["name"]:
            wrong["contact"] = "caller"
        if self["email"] and not identity.email(self["email"]):
            wrong["email"] = "email"
        if self["phone"] and not identity.MASKED.search(self["phone"]) and not self._phone():
            wrong["phone"] = "phone"
        if self["promised"] and self.promised_at("UTC") is None:
            wrong["promised"] = "time"
        return {field: say(why, language) for field, why in wrong.items()}

    def _phone(self) -> str | None:
        return identity.phone(self["phone"], self.region)

    def body(self, language: str, known: Mapping[str, str] | None = None) -> dict[str, object]:
        """The JSON body of the post. `known` is the chosen customer's own contact."""
        spoken = self["language"] if re.fullmatch(LANGUAGE_TAG, self["language"]) else language
        customer = {"language": spoken, **{n: self[n] for n in ("name", "email", "phone") if self[n]}, **(known or {})}
        body: dict[str, object] = {"kind": self.kind, "channel": "hotline", "text": self["text"], "customer": customer}
        body |= {name: self[name] for name in ("expected", "order_ref") if self[name]}
        if self["wanted"] in WANTED:
            body["wanted"] = {"kind": self["wanted"]}
        return body
