"""Sign-ups, birthdays, activities, corrections as the desk of a batch holds them: loaded, changed, saved at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

from asyncpg.pgproto import pgproto

from services.earning.counted import CapUse
from services.earning.domain.facts import EarnFacts

if TYPE_CHECKING:
    from services.earning.desk import GrantEntry

Per = Literal["day", "month", "year", "lifetime"]
Kind = Literal["sign_up", "birthday", "activity", "correction"]
EvidenceKey = tuple[str, str]  # program id, hash of the file
OrganisationPeriod = tuple[str, str, Per, date]  # program id, organisation id, period


class CountKey(NamedTuple):
    """An activity of a member in one period."""

    program_id: str
    member_id: str
    activity_id: str
    per: Per
    starts: date

    @property
    def uuid(self) -> UUID:
        return _key("activity count", *map(str, self))


def key_of_sign_up(program_id: str, member_id: str) -> UUID:
    """A member joins once."""
    return _key("sign_up", program_id, member_id)


def key_of_birthday(program_id: str, member_id: str, year: int) -> UUID:
    """A year has one birthday, whatever the profile says meanwhile."""
    return _key("birthday", program_id, member_id, str(year))


def key_of_correction(program_id: str, correction_id: str) -> UUID:
    """Operators name a correction once per program."""
    return _key("correction", program_id, correction_id)


def _key(*parts: str) -> UUID:
    return pgproto.UUID(sha256("\x1f".join(parts).encode()).digest()[:16])


@dataclass(slots=True)
class OccasionEntry:
    """An occasion that earned; of a sign-up also one that waits for a verified phone, or was declined after that."""

    occasion_key: UUID
    program_id: str
    member_id: str
    kind: Kind
    event_key: UUID
    event_time: datetime
    outcome: Literal["waiting", "granted", "declined", "debited"]
    rule_version: int
    facts: EarnFacts = field(default_factory=EarnFacts)
    activity_id: str | None = None
    organisation_id: str | None = None
    evidence_sha256: str | None = None
    revision: int = 0
    changed: bool = True
    cap_uses: dict[CapUse, int] = field(default_factory=dict)  # points by rule and period
    grants: list[GrantEntry] = field(default_factory=list)  # of this batch


@dataclass(slots=True)
class CapOfOrganisation:
    """Points given in a period: as loaded, and by this batch; `limit` as the version says that judged last."""

    before: int
    added: int = 0
    limit: int = 0


@dataclass(slots=True)
class BirthdayTimer:
    """When the next birthday begins; both None where none is known."""

    birth_month_day: str | None
    due_at: datetime | None


@dataclass(slots=True)
class Occasions:
    """This part of the desk. `done` and `points` hold only what was asked for or has counted."""

    entries: dict[UUID, OccasionEntry] = field(default_factory=dict)
    done: dict[CountKey, int] = field(default_factory=dict)
    counted: set[CountKey] = field(default_factory=set)  # by this batch
    evidence: set[EvidenceKey] = field(default_factory=set)
    points: dict[OrganisationPeriod, CapOfOrganisation] = field(default_factory=dict)
    timers: dict[tuple[str, str], BirthdayTimer] = field(default_factory=dict)  # set by this batch

    def put(self, entry: OccasionEntry) -> None:
        self.entries[entry.occasion_key] = entry
        if entry.evidence_sha256 is not None:
            self.evidence.add((entry.program_id, entry.evidence_sha256))

    def count(self, key: CountKey) -> None:
        self.done[key] = self.done.get(key, 0) + 1
        self.counted.add(key)

    def given(self, period: OrganisationPeriod) -> int:
        known = self.points.get(period)
        return 0 if known is None else known.before + known.added

    def give(self, period: OrganisationPeriod, points: int, limit: int) -> None:
        known = self.points.setdefault(period, CapOfOrganisation(0))
        known.added += points
        known.limit = limit

    def changed(self) -> Iterator[OccasionEntry]:
        return (entry for entry in self.entries.values() if entry.changed)
