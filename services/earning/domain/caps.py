"""How much of a rule's points its caps let through, and what an award uses of their counters (points.md, Earning)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from services.earning.domain.facts import Counter, EarnFacts
from shared.programs.rules import Cap


class _AwardLine(Protocol):
    @property
    def rules(self) -> tuple[tuple[str, int], ...]: ...


class _Award(Protocol):
    @property
    def lines(self) -> Sequence[_AwardLine]: ...


def capped(rule_id: str, caps: Iterable[Cap], points: int, facts: EarnFacts) -> int:
    """What is given of `points`: what is left of the tightest cap, or nothing where one that rejects is passed.

    Never below 0. Each cap is held against all the points, so their order in the pack says nothing.
    """
    given = points
    for cap in caps:
        left = cap.points
        if cap.per != "transaction":
            left = max(0, min(left, facts.left.get((rule_id, cap.per), left)))
        if points > left:
            given = min(given, left) if cap.over == "partial" else 0
    return given


def caps_told(rule_id: str, caps: Iterable[Cap], facts: EarnFacts) -> list[dict[str, object]]:
    """Each cap of a rule with what was left of it, in points, as plain data for JSON."""
    return [
        {
            "points": cap.points,
            "per": cap.per,
            "over": cap.over,
            "left": cap.points if cap.per == "transaction" else facts.left.get((rule_id, cap.per), cap.points),
        }
        for cap in caps
    ]


def cap_uses(awards: Iterable[_Award], counters: Mapping[str, tuple[Counter, ...]]) -> dict[Counter, int]:
    """Points that these awards use of each counter. `counters`: the program's, by rule (CompiledProgram.counters).

    Given the awards that a refund leaves, it says what stays used; the difference is given back.
    """
    uses: dict[Counter, int] = {}
    for award in awards:
        for line in award.lines:
            for rule_id, points in line.rules:
                if rule_id in counters:
                    for counter in counters[rule_id]:
                        uses[counter] = uses.get(counter, 0) + points
    return uses
