"""Which version of a program judges an event: decided by the event's own time, alike for every reader."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Self

from shared.programs.pack import ProgramPack

NOTICE = timedelta(minutes=15)
"""A version takes effect this long after its record's broker time or later; else it is void for every reader."""


@dataclass(frozen=True, slots=True)
class ProgramVersion:
    """One record of programs.versions.v1; `recorded_at` is the broker's time of the record. All times UTC."""

    pack: ProgramPack
    version: int
    published_at: datetime
    effective_at: datetime
    recorded_at: datetime

    @classmethod
    def of(cls, pack: ProgramPack, published_at: datetime, recorded_at: datetime) -> Self:
        return cls(pack, pack.version, published_at, pack.effective_at, recorded_at)

    @property
    def program_id(self) -> str:
        return self.pack.program_id


@dataclass(frozen=True, slots=True)
class _Program:
    standing: tuple[ProgramVersion, ...]  # rising version numbers
    seen: frozenset[int]  # void ones too: a number is used up by its first record


@dataclass(frozen=True, slots=True)
class ProgramBook:
    """All programs a service knows, built by reading programs.versions.v1 from its beginning."""

    _programs: Mapping[str, _Program] = field(default_factory=lambda: MappingProxyType({}))

    def knows(self, program_id: str) -> bool:
        return program_id in self._programs

    def in_force(self, program_id: str, at: datetime) -> ProgramVersion | None:
        """The version that judges an event of time `at`: the highest in effect by then, if any."""
        program = self._programs.get(program_id)
        if program is None:
            return None
        for version in reversed(program.standing):
            if version.effective_at <= at:
                return version
        return None

    def version(self, program_id: str, number: int) -> ProgramVersion | None:
        """The standing version of that number: a stored decision is recomputed with its original version."""
        program = self._programs.get(program_id)
        versions = program.standing if program is not None else ()
        return next((version for version in versions if version.version == number), None)

    def versions(self, program_id: str) -> tuple[ProgramVersion, ...]:
        """All standing versions of a program, rising."""
        program = self._programs.get(program_id)
        return program.standing if program is not None else ()

    def programs(self) -> tuple[str, ...]:
        return tuple(sorted(self._programs))

    def refusal(self, record: ProgramVersion) -> str | None:
        """Why this record, read next, would be void; None if it would stand."""
        program = self._programs.get(record.program_id)
        if program is None:
            return None
        name, highest = f"program {record.program_id} version {record.version}", max(program.seen)
        if record.version in program.seen:
            return f"{name} was published before and the first record counts; publish a higher version"
        if record.version < highest:
            return f"{name} is lower than version {highest}; versions must rise, publish a higher one"
        if record.effective_at < record.recorded_at + NOTICE:
            return (
                f"{name} takes effect at {record.effective_at.isoformat()}, less than 15 minutes after its "
                f"record of {record.recorded_at.isoformat()}; publish a higher version that starts later"
            )
        return None

    def with_record(self, record: ProgramVersion) -> "ProgramBook":
        """The book after this record, the next of the topic; a void record only uses up its number."""
        program = self._programs.get(record.program_id, _Program((), frozenset()))
        standing = program.standing
        if self.refusal(record) is None:
            standing = (*standing, record)
        read = _Program(standing, program.seen | {record.version})
        return ProgramBook(MappingProxyType({**self._programs, record.program_id: read}))
