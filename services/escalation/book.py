"""Which version of which pack binds a complaint, and which of its rules hold for it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Terms:
    """What one clock was promised: a rule of a pinned edition, in a calendar."""

    edition: Edition
    index: int
    rule: Rule
    calendar: Calendar

    @property
    def legal(self) -> bool:
        return self.edition.pack.legal


Pins = tuple[tuple[str, int], ...]


class PolicyBook:
    """Every stored version of every pack, in memory. New versions are added; none is ever changed or removed."""

    def __init__(self, calendars: Calendars) -> None:
        self.calendars = calendars
        self._editions: dict[tuple[str, int], Edition] = {}
        self._by_pack: dict[str, list[Edition]] = {}
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
        return self._editions[pack, version]

    def pins(self, received_at: datetime) -> Pins:
        """The version of each pack that binds a complaint received then; switched-off packs bind nothing."""
        chosen = []
        for name, editions in self._by_pack.items():
            in_force = [e for e in editions if e.in_force_from <= received_at]
            if in_force and in_force[-1].pack.active and _covers(in_force[-1].pack, received_at):
                chosen.append((name, in_force[-1].version))
        return tuple(chosen)

    def matching(self, pins: Pins, subject: Subject, kind: str | None = None) -> Iterator[Terms]:
        """The rules of the pinned versions that hold for a complaint."""
        for name, version in pins:
            edition = self._editions[name, version]
            for index, rule in enumerate(edition.pack.clocks):
                right_kind = kind is None or rule.clock == kind
                if right_kind and rule.when.holds(subject) and _covers(rule, subject.received_at):
                    yield self.terms(edition, index, subject.language)

    def terms(self, edition: Edition, index: int, language: str) -> Terms:
        rule = edition.pack.clocks[index]
        return Terms(edition, index, rule, self.calendars.get(edition.pack.calendar_id(rule, language)))


def in_force_from(pack: Pack, stored_at: datetime | None) -> datetime:
    """From when a version binds: its own date, and for a posted one not before it was stored."""
    own = datetime.combine(pack.effective_from or date(1971, 1, 1), time(), UTC)
    return own if stored_at is None else max(own, stored_at)


def _covers(dated: Pack | Rule, at: datetime) -> bool:
    day = at.astimezone(UTC).date()
    return (dated.effective_from is None or dated.effective_from <= day) and (
        dated.effective_to is None or day < dated.effective_to
    )
