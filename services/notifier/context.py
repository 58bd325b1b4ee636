"""From the case and the decision record to the data that sentences may state."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from shared.calendars import builtin
from shared.events.common import Staff

from .compose import Scope
from .letter import MissingField
from .model import Facts
from .policy import Policy
from .wording import Language, Money

STOPS = ".。;；,， \n"
CJK = re.compile(r"[㐀-鿿]")
# A decision is promised by the clock of the decision; where a pack has none, by that of the final response.
SANE_YEARS = range(1970, 2200)
LONG_DAYS = 14  # after which a letter thanks for the waiting
ANSWER_CLOCKS = ("decision", "final_response", "reopened")
# Data in the house's own words, beside how each channel is spoken of: no customer and no handler wrote them.
_OURS = ("wanted", "last_matter", "house_name", "house_contact", "reference", "tracking_url")


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """A deadline in the customer's time, as the last moment that still counts."""
    return (moment - timedelta(microseconds=1)).astimezone(zone)


class Context:
    """Builds the data of letters in one language."""

    def __init__(self, language: Language, policy: Policy) -> None:
        self.language, self.policy = language, policy
        self.house = policy.house.get(language.code) or policy.house[policy.default_language]
        self.zone = ZoneInfo(self.house.timezone)
        self.calendar = builtin().get(self.house.calendar)
        spoken = {name for words in language.raw["channels"].values() for name in words}
        self.ours = frozenset({*spoken, *_OURS})

    def today(self, now: datetime) -> date:
        """The letter's date: the day in the customer's time."""
        return now.astimezone(self.zone).date()

    def case(self, facts: Facts, now: datetime) -> Scope:
        """What every letter may say about the complaint."""
        today = self.today(now)
        raw = self.language.raw
        scope = Scope(flags={facts.kind})
        scope.data = {
            **raw["channels"][facts.channel],
            "reference": facts.reference,
            "received": facts.received_at.astimezone(self.zone).date(),
            "house_name": self.house.name,
            "house_contact": self.house.contact,
            "review_by": today + timedelta(days=self.policy.review_days),
            "today": today,
        }
        self._person(facts, scope)
        self._clocks(facts, now, scope)
        put(scope.data, "wanted", raw["wanted"].get(facts.wanted or ""))
        put(scope.data, "last_matter", raw.get("matters", {}).get(facts.last_matter or ""))
        put(scope.data, "subject", _short(facts.person.subject))
        put(scope.data, "tracking_url", facts.tracking_url)
        if facts.handler:
            self.signed_by(scope, facts.handler)
        scope.flags |= {"first_stage" if facts.stage < 2 else "second_stage", facts.channel}
        scope.items["right"] = [
            Scope({"right": text}) for text in self.policy.rights_in(self.language.code, facts.pack)
        ]
        self._occasion(facts, scope, today)
        return scope

    def _occasion(self, facts: Facts, scope: Scope, today: date) -> None:
        """What makes this letter another one than the last: how long it took, whether the matter came up before."""
        received: date = scope.data["received"]
        if (today - received).days >= LONG_DAYS:
            scope.flags.add("waited_long")
        if facts.asked_again:
            scope.flags.add("came_back")
        if facts.vulnerable:
            scope.flags.add("with_care")

    def reckon(self, scope: Scope) -> None:
        """Add the days that follow from the letter's own: until when we ask for a word, and when we give ours."""
        today: date = scope.data["today"]
        scope.data["reply_by"] = self.working(today + timedelta(days=self.policy.reply_days))
        scope.data |= commitment_day("word_by", self.working_days_on(today, self.policy.word_days), self.zone)

    def reply_day(self, now: datetime) -> datetime:
        """The end of the day until which we ask a customer for a word."""
        day = self.working(self.today(now) + timedelta(days=self.policy.reply_days))
        return datetime.combine(day + timedelta(days=1), datetime.min.time(), self.zone)

    def is_working(self, day: date) -> bool:
        """Whether the customer's calendar works on that day."""
        return bool(self.calendar.hours(day))

    def working(self, day: date) -> date:
        """This day, or the next one on which people work."""
        while not self.is_working(day):
            day += timedelta(days=1)
        return day

    def working_days_on(self, day: date, n: int) -> date:
        """The nth working day after this one."""
        for _ in range(n):
            day = self.working(day + timedelta(days=1))
        return day

    def _person(self, facts: Facts, scope: Scope) -> None:
        person = facts.person
        whole = person.name or _whole_name(person.family_name, person.given_name)
        put(scope.data, "name", _one_line(whole))
        put(scope.data, "family_name", _one_line(person.family_name))
        if person.salutation in self.language.raw["salutations"]:
            scope.data["salutation"] = person.salutation
            scope.flags.add("title")
        if "family_name" in scope.data:
            scope.flags.add("family")

    def _clocks(self, facts: Facts, now: datetime, scope: Scope) -> None:
        answer = next((facts.clocks[k] for k in ANSWER_CLOCKS if facts.clocks.get(k, now) > now), None)
        update = facts.clocks.get("next_update")
        if answer:
            scope.data |= {"answer_by": local(answer, self.zone), "answer_by_exact": answer}
            said = next((datetime.fromisoformat(s.due) for s in facts.said if s.remedy_id is None), None)
            # A new hour of the same day is no day that has moved.
            if said and local(said, self.zone).date() < local(answer, self.zone).date():
                scope.data["said_by"] = local(said, self.zone)
                scope.flags.add("date_moved")
            scope.flags.add("answer_known")
        if update and update > now and (answer is None or update < answer):
            scope.data |= {"update_by": local(update, self.zone), "update_by_exact": update}
            if answer is None or local(update, self.zone).date() < local(answer, self.zone).date():
                scope.flags.add("update_before_answer")

    def signed_by(self, scope: Scope, handler: Staff) -> None:
        """Add who signs: name, role and direct contact as customers may know them."""
        titles: Mapping[str, str] = self.language.raw["titles"]
        put(scope.data, "handler_name", handler.name)
        put(scope.data, "handler_role", titles.get(handler.role_title, handler.role_title))
        put(scope.data, "handler_contact", handler.contact)

    def moment(self, scope: Scope, name: str, value: datetime) -> None:
        """Add a deadline under this name."""
        scope.data[name] = local(value, self.zone)

    def day(self, scope: Scope, name: str, value: datetime) -> None:
        """Add the day of something that happened."""
        scope.data[name] = value.astimezone(self.zone).date()

    def who(self, actor: str, handler: Staff) -> dict[str, str]:
        """Who acts, as this letter says it: I, we, or a name."""
        words = self.language.raw["who"]
        if actor in (handler.name, handler.id, "I", "我"):
            who = words["i"]
        elif actor.strip().lower() in ("", *self.language.raw["we_words"]):
            who = words["we"]
        else:
            who = actor.strip()
        return {"who": who, "Who": who[:1].upper() + who[1:]}

    def sentence(self, text: str) -> str:
        """Text as a whole sentence, without its full stop."""
        text = text.strip().rstrip(STOPS)
        return text[:1].upper() + text[1:]


def put(data: dict[str, Any], name: str, value: str | None) -> None:
    """Add a datum that is on record."""
    if value:
        data[name] = value


def _one_line(text: str | None) -> str | None:
    return " ".join(text.split()) if text else None


def _whole_name(family: str | None, given: str | None) -> str | None:
    if not family or not given:
        return None  # half a name in a greeting would be a guess
    return family + given if CJK.search(family) else f"{given} {family}"


def _short(subject: str | None) -> str | None:
    """The customer's own subject when it can be quoted: short, one line, without what was put before it."""
    text = _one_line(subject) or ""
    text = re.sub(r"^(?:(?:re|fw|fwd|aw|答复|回复|转发)\s*[:：]\s*)+", "", text, flags=re.I).strip(' “”"')
    if not text or len(text) > 60 or re.search(r"\d{6,}|@|X{2,}|[{}\[\]<>]|https?:", text):
        return None
    return text


def commitment_day(name: str, value: date, zone: ZoneInfo) -> dict[str, Any]:
    """A day that we promise: its end in the customer's zone is the last moment."""
    return {name: value, f"{name}_exact": datetime.combine(value + timedelta(days=1), datetime.min.time(), zone)}


def day(text: str, where: str) -> date:
    """An ISO date. Raises MissingField naming where it should stand."""
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        raise MissingField(where) from None
    if day.year not in SANE_YEARS:
        raise MissingField(where)
    return day


def money(amount: str, currency: str | None, path: str) -> Money:
    """An amount with its currency. Raises MissingField naming what is missing or no number."""
    if not currency:
        raise MissingField(f"{path}currency")
    try:
        return Money(Decimal(amount), currency)
    except InvalidOperation:
        raise MissingField(f"{path}amount") from None
