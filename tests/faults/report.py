"""What the long run found, as text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tests.faults.books import shown
from tests.faults.course import Outcome
from tests.faults.kills import POINTS_OF
from tests.faults.record import Traffic


@dataclass(frozen=True, slots=True)
class Round:
    """One course under fire. `trouble` says why it has no outcome, `differences` how its books differ from peace."""

    fault: str
    outcome: Outcome | None
    differences: Sequence[str]
    trouble: str = ""

    @property
    def passed(self) -> bool:
        return self.outcome is not None and self.outcome.clean and not self.differences and not self.outcome.post.wrong

    def text(self) -> str:
        if self.outcome is None:
            return f"{self.fault}: FAILED\n{self.trouble}"
        lines = [
            f"{self.fault}: {self.outcome.events:,} events, {self.outcome.seconds:.1f} s under fire, "
            f"{self.outcome.rate:,.0f} records/s of earning, {self.outcome.lost_replies} HTTP requests unanswered",
            *(f"  shown: {note}" for note in self.outcome.notes),
            *(f"  {what}" for what in self.outcome.restarted),
            *(f"  {recovery}" for recovery in self.outcome.recoveries),
            f"  audit: {self.outcome.audit.splitlines()[0]}",
            f"  e-mails: {self.outcome.post.mails:,} taken on, {self.outcome.post.unknown} of which nobody knows, "
            f"{len(self.outcome.post.wrong)} wrong",
            f"  books: {'equal to those of peace' if not self.differences else 'DIFFERENT'}",
        ]
        if not self.outcome.clean:
            lines.append(self.outcome.audit)
        if self.outcome.post.wrong:
            lines.append(shown(self.outcome.post.wrong))
        if self.differences:
            lines.append(shown(self.differences))
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        outcome = self.outcome
        told: dict[str, object] = {
            "fault": self.fault,
            "passed": self.passed,
            "trouble": self.trouble,
            "differences": list(self.differences),
        }
        if outcome is not None:
            told |= {
                "shown": list(outcome.notes),
                "restarted": list(outcome.restarted),
                "recoveries": [asdict(recovery) for recovery in outcome.recoveries],
                "events": outcome.events,
                "seconds": outcome.seconds,
                "rate": outcome.rate,
                "lost_replies": outcome.lost_replies,
                "audit": outcome.audit,
                "e_mails": outcome.post.mails,
                "e_mails_unknown": outcome.post.unknown,
                "e_mails_wrong": list(outcome.post.wrong),
                "entries_compared": outcome.picture.entries,
            }
        return told


def summary(traffic: Traffic, calm: Outcome, rounds: Sequence[Round], seconds: float) -> str:
    """The report's last lines."""
    failed = [round_.fault for round_ in rounds if not round_.passed]
    points = sorted({note for round_ in rounds if round_.outcome for note in round_.outcome.notes if ": " in note})
    backs = sorted(
        recovery.seconds
        for round_ in rounds
        if round_.outcome
        for recovery in round_.outcome.recoveries
        if recovery.seconds is not None
    )
    return "\n".join(
        [
            "== Report",
            f"traffic: {traffic.events:,} events; repeat with {traffic.repeat_with}",
            f"in peace: {calm.rate:,.0f} records/s of earning; {calm.picture.entries:,} entries of the books compared",
            f"faults drawn: {', '.join(round_.fault for round_ in rounds)}",
            f"crash points hit: {len(_named(points))} of {sum(map(len, POINTS_OF.values()))}",
            f"shown to have happened: {len(points)} different: {', '.join(points)}",
            f"back at 90% of the rate: {_spread(backs)}",
            f"took {seconds:.0f} s",
            f"FAILED: {', '.join(failed)}" if failed else "every audit clean, all books equal to those of peace",
        ]
    )


def to_json(traffic: Traffic, calm: Outcome, rounds: Sequence[Round], seconds: float) -> Mapping[str, object]:
    """The whole report as plain values."""
    return {
        "seed": traffic.seed,
        "until": traffic.until.isoformat(),
        "events": traffic.events,
        "seconds": seconds,
        "calm_rate": calm.rate,
        "entries_compared": calm.picture.entries,
        "passed": all(round_.passed for round_ in rounds),
        "rounds": [round_.to_json() for round_ in rounds],
    }


def _named(shown_points: Sequence[str]) -> set[str]:
    """The notes that are a process's crash point."""
    points = {f"{process}: {point}" for process, its in POINTS_OF.items() for point in its}
    return points.intersection(shown_points)


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "never measured"
    middle = seconds[len(seconds) // 2]
    return f"median {middle:.1f} s, longest {seconds[-1]:.1f} s, of {len(seconds)} strikes measured"
