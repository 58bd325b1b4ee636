"""Which version of which pack binds a complaint, and which of its rules hold for it."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from shared.calendars import Calendar, Calendars, Duration

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
    """What one clock was promised: a rule of a pinned edition, in a calendar. The same promise is the same object;
    `mark` names it in what is stored: version, place in the pack, calendar."""

    edition: Edition
    index: int
    rule: Rule
    calendar: Calendar
    mark: str

    @property
    def legal(self) -> bool:
        return self.edition.pack.legal

    def limit(self, extended: int = 0) -> Duration:
        """The limit, or the one that replaced it so many times."""
        return self.rule.extension[extended - 1].limit if extended else self.rule.limit


Pins = tuple[tuple[str, int], ...]
Matches = tuple[tuple[str, tuple[Terms, ...]], ...]
"""Per kind of clock, the rules of one pack with one start that compete; the strictest counts."""

_MOST_KEPT = 4096
_QUARTER = timedelta(minutes=15)


class PolicyBook:
    """Every stored version of every pack, in memory. New versions are added; none is ever changed or removed."""

    def __init__(self, calendars: Calendars) -> None:
        self.calendars = calendars
        self._editions: dict[tuple[str, int], Edition] = {}
        self._by_pack: dict[str, list[Edition]] = {}
        self._terms: dict[tuple[str, int, int, str], Terms] = {}
        self._matches: dict[tuple[Pins, Subject], Matches] = {}
        self._pinned: dict[tuple[datetime, str], Pins] = {}
        self._late: list[Edition] = []
        """Versions that bind from within a quarter of an hour on: what was posted."""
        self.newest_id = 0

    def with_candidate(self, pack: Pack, text: str) -> tuple["PolicyBook", Edition]:
        """A copy of the book in which this pack is stored as its next version."""
        newest = self.newest(pack.pack)
        edition = Edition(
            self.newest_id + 1, pack, newest.version + 1 if newest else 1, in_force_from(pack, None), text
        )
        copy = PolicyBook(self.calendars)
        for one in self._editions.values():
            copy.put(one)
        copy.put(edition)
        return copy, edition

    def put(self, edition: Edition) -> None:
        """Add a stored version."""
        key = (edition.pack.pack, edition.version)
        if key not in self._editions:
            self._editions[key] = edition
            self._by_pack.setdefault(edition.pack.pack, []).append(edition)
            self.newest_id = max(self.newest_id, edition.id)
            self._pinned.clear()
            if edition.in_force_from != _quarter(edition.in_force_from):
                self._late.append(edition)

    def editions(self) -> list[Edition]:
        """All versions, by pack, the newest first."""
        return [e for name in sorted(self._by_pack) for e in reversed(self._by_pack[name])]

    def edition(self, pack: str, version: int) -> Edition:
        """One stored version. Raises KeyError."""
        return self._editions[pack, version]

    def newest(self, pack: str) -> Edition | None:
        """The last stored version of a pack."""
        editions = self._by_pack.get(pack)
        return editions[-1] if editions else None

    def pins(self, received_at: datetime, language: str = "en") -> Pins:
        """The version of each pack that binds a complaint received then; switched-off packs bind nothing."""
        quarter = _quarter(received_at)
        if any(quarter < edition.in_force_from < quarter + _QUARTER for edition in self._late):
            return self._pins(received_at, language)
        found = self._pinned.get((quarter, language))
        if found is None:
            if len(self._pinned) >= _MOST_KEPT:
                self._pinned.clear()
            found = self._pinned[quarter, language] = self._pins(received_at, language)
        return found

    def _pins(self, received_at: datetime, language: str) -> Pins:
        chosen = []
        for name, editions in self._by_pack.items():
            in_force = [e for e in editions if e.in_force_from <= received_at]
            if in_force and self.binds(in_force[-1], received_at, language):
                chosen.append((name, in_force[-1].version))
        return tuple(chosen)

    def binds(self, edition: Edition, received_at: datetime, language: str) -> bool:
        """Whether a version is switched on and holds on the day of the receipt, where its calendar is."""
        pack = edition.pack
        return pack.active and _covers(pack, received_at, self.calendars.get(pack.own_calendar(language)))

    def matching(self, pins: Pins, subject: Subject) -> Matches:
        """The rules of the pinned versions that hold for a complaint, by pack, kind of clock and start."""
        alike = (pins, subject._replace(received_at=_quarter(subject.received_at)))
        found = self._matches.get(alike)
        if found is None:
            if len(self._matches) >= _MOST_KEPT:
                self._matches.clear()
            found = self._matches[alike] = self._match(pins, subject)
        return found

    def _match(self, pins: Pins, subject: Subject) -> Matches:
        found: dict[tuple[str, str, str], list[Terms]] = {}
        for name, version in pins:
            edition = self._editions[name, version]
            for index, rule in enumerate(edition.pack.clocks):
                if not rule.holds(subject):
                    continue
                terms = self.terms(name, version, index, edition.pack.calendar_id(rule, subject.language))
                if _covers(rule, subject.received_at, terms.calendar):
                    found.setdefault((name, rule.clock, rule.start), []).append(terms)
        return tuple((kind, tuple(terms)) for (_, kind, _), terms in found.items())

    def terms(self, pack: str, version: int, index: int, calendar: str) -> Terms:
        """A rule of a stored version, counted in a calendar."""
        key = (pack, version, index, calendar)
        found = self._terms.get(key)
        if found is None:
            edition = self._editions[pack, version]
            counted_in = self.calendars.get(calendar)
            found = Terms(edition, index, edition.pack.clocks[index], counted_in, f"{version}.{index}@{counted_in.id}")
            self._terms[key] = found
        return found


def in_force_from(pack: Pack, stored_at: datetime | None) -> datetime:
    """From when a version binds: its own date, and for a posted one not before it was stored."""
    own = datetime.combine(pack.effective_from or date(1971, 1, 1), time(), UTC)
    return own if stored_at is None else max(own, stored_at)


def _quarter(at: datetime) -> datetime:
    """The begin of its quarter of an hour. No zone's midnight lies within one: its complaints have the same dates."""
    utc = at.astimezone(UTC)
    return utc.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0)


def _covers(dated: Pack | Rule, at: datetime, calendar: Calendar) -> bool:
    """Whether something dated holds on the local day of a receipt; its `effective_to` is the first day without it."""
    if dated.effective_from is None and dated.effective_to is None:
        return True
    day = at.astimezone(calendar.zone).date()
    return (dated.effective_from is None or dated.effective_from <= day) and (
        dated.effective_to is None or day < dated.effective_to
    )
