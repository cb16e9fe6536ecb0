"""What an audit found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs. `expected` and `found` are amounts or names as text; empty where there is none."""

    wrong: str
    program_id: str | None
    member_id: str | None
    subject: str
    expected: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """What one check saw: rows looked at, how many differ, and the first of those."""

    looked_at: int
    total: int
    rows: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's outcome. `number` is the invariant's in the design, `seconds` how long it took."""

    number: int
    name: str
    proves: str
    looked_at: int
    differences: int
    rows: Sequence[Difference]
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole audit of one snapshot.

    `accounts` are the terms of invariant 1 in points; `outcomes` counts what became of earning's inbound records;
    `under_way` counts grants and claw-backs that redemption has not booked yet, by where they are; `left_out` names
    the checks that could not look, with the services that have never run.
    """

    taken_at: datetime
    programs: Sequence[str] | None
    results: Sequence[CheckResult]
    accounts: Mapping[str, int]
    outcomes: Mapping[str, int]
    under_way: Mapping[str, int]
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether no check found a difference."""
        return not any(result.differences for result in self.results)

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        rows = sum(result.looked_at for result in self.results)
        if self.clean:
            return f"Clean: {len(self.results)} checks over {rows:,} rows, no difference.{self._absent}"
        failed = [result for result in self.results if result.differences]
        total = sum(result.differences for result in failed)
        names = ", ".join(f"{result.number} {result.name}" for result in failed)
        return (
            f"NOT CLEAN: {total:,} rows differ in {len(failed)} of {len(self.results)} checks ({names}).{self._absent}"
        )

    @property
    def _absent(self) -> str:
        services = sorted({service for missing in self.left_out.values() for service in missing})
        return f" Not looked at: {len(self.left_out)}, for {' and '.join(services)} never ran." if services else ""

    def failed(self) -> set[str]:
        """The names of the checks that found differences."""
        return {result.name for result in self.results if result.differences}

    def text(self) -> str:
        """The verdict and the rows that differ, one a line."""
        rows = [f"{result.number} {result.name}: {row}" for result in self.results for row in result.rows]
        return "\n".join([self.sentence, *rows])

    def to_json(self) -> dict[str, object]:
        """Plain values, for `--json`."""
        return {
            "clean": self.clean,
            "verdict": self.sentence,
            "taken_at": self.taken_at.isoformat(),
            "programs": None if self.programs is None else list(self.programs),
            "accounts": dict(self.accounts),
            "outcomes": dict(self.outcomes),
            "under_way": dict(self.under_way),
            "left_out": {name: list(missing) for name, missing in self.left_out.items()},
            "checks": [asdict(result) for result in self.results],
        }
