"""Which version of which pack binds a complaint, and which of its rules hold for it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time

from shared.calendars import Calendar, Calendars

from .policy import Pack, Rule, Subject


@dataclass(frozen=True, slots=True)
class Edition:
    """A stored version of a pack; it binds complaints received from `in_force_from` on."""

    id: int
    pack: Pack
    version: int
    in_force_from: datetime
    text: str = field(repr=False, default="")
    created_by: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What one clock was promised: a rule of a pinned edition, in a calendar. The same promise is the same object."""

    edition: Edition
    index: int
    rule: Rule
    calendar: Calendar

    @property
    def legal(self) -> bool:
        return self.edition.pack.legal


Pins = tuple[tuple[str, int], ...]
Matches = tuple[tuple[str, str, tuple[Terms, ...]], ...]
_MOST_KEPT = 4096


class PolicyBook:
    """Every stored version of every pack, in memory. New versions are added; none is ever changed or removed."""

    def __init__(self, calendars: Calendars) -> None:
        self.calendars = calendars
        self._editions: dict[tuple[str, int], Edition] = {}
        self._by_pack: dict[str, list[Edition]] = {}
        self._terms: dict[tuple[str, int, int, str], Terms] = {}
        self._matches: dict[tuple[Pins, Subject], Matches] = {}
        self.newest_id = 0

    def put(self, edition: Edition) -> None:
        """Add a stored version."""
        key = (edition.pack.pack, edition.version)
        if key not in self._editions:
            self._editions[key] = edition
            self._by_pack.setdefault(edition.pack.pack, []).append(edition)
            self.newest_id = max(self.newest_id, edition.id)

    def editions(self) -> list[Edition]:
        """All versions, by pack, the newest first."""
        return [e for name in sorted(self._by_pack) for e in reversed(self._by_pack[name])]

    def edition(self, pack: str, version: int) -> Edition:
        """One stored version."""
        return self._editions[pack, version]

    def pins(self, received_at: datetime) -> Pins:
        """The version of each pack that binds a complaint received then; switched-off packs bind nothing."""
        chosen = []
        for name, editions in self._by_pack.items():
            in_force = [e for e in editions if e.in_force_from <= received_at]
            if in_force and in_force[-1].pack.active and _covers(in_force[-1].pack, received_at):
                chosen.append((name, in_force[-1].version))
        return tuple(chosen)

    def matching(self, pins: Pins, subject: Subject) -> Matches:
        """The rules of the pinned versions that hold for a complaint, by pack and kind of clock."""
        alike = (pins, replace(subject, received_at=_day(subject.received_at)))
        found = self._matches.get(alike)
        if found is None:
            if len(self._matches) >= _MOST_KEPT:
                self._matches.clear()
            found = self._matches[alike] = self._match(pins, subject)
        return found

    def _match(self, pins: Pins, subject: Subject) -> Matches:
        found: dict[tuple[str, str], list[Terms]] = {}
        for name, version in pins:
            edition = self._editions[name, version]
            for index, rule in enumerate(edition.pack.clocks):
                if rule.when.holds(subject) and _covers(rule, subject.received_at):
                    calendar = edition.pack.calendar_id(rule, subject.language)
                    found.setdefault((name, rule.clock), []).append(self.terms(name, version, index, calendar))
        return tuple((pack, kind, tuple(terms)) for (pack, kind), terms in found.items())

    def terms(self, pack: str, version: int, index: int, calendar: str) -> Terms:
        """A rule of a stored version, counted in a calendar."""
        key = (pack, version, index, calendar)
        found = self._terms.get(key)
        if found is None:
            edition = self._editions[pack, version]
            found = Terms(edition, index, edition.pack.clocks[index], self.calendars.get(calendar))
            self._terms[key] = found
        return found


def in_force_from(pack: Pack, stored_at: datetime | None) -> datetime:
    """From when a version binds: its own date, and for a posted one not before it was stored."""
    own = datetime.combine(pack.effective_from or date(1971, 1, 1), time(), UTC)
    return own if stored_at is None else max(own, stored_at)


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _covers(dated: Pack | Rule, at: datetime) -> bool:
    """Whether something dated holds on the day of a receipt (UTC); its `effective_to` is the first day without it."""
    day = at.astimezone(UTC).date()
    return (dated.effective_from is None or dated.effective_from <= day) and (
        dated.effective_to is None or day < dated.effective_to
    )
