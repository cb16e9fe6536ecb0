"""What multipliers make of the line points that rate rules gave (points.md, Earning).

A rate rule is rounded and split first; a multiplier works on those whole numbers, and what it adds or takes off is
rounded once, over all lines and rules it works on, and split by largest remainder. What it adds is its own; what a
factor below 1 takes off comes off whoever gave it. One after the other in the order of evaluation (`multiply`), or
per line and rate rule the one with the largest factor (`best`; one whose caps have nothing left gives way) or with
the latest start (`newest`); ties go to the earlier one.
"""

from collections.abc import Sequence
from datetime import date
from operator import add

import msgspec

from services.earning.domain.caps import capped
from services.earning.domain.compiled_rule import CompiledRule, Multiplication
from services.earning.domain.facts import EarnFacts
from services.earning.domain.notes import Notes, Worked
from services.earning.domain.rules.rate import rounded
from shared.programs.largest_remainder import largest_remainder
from shared.programs.rules import Combine


class Given(msgspec.Struct, frozen=True, gc=False):
    """Points per line that a rule gives: of the lines in the receipt's order, then of the shipping if it earns."""

    rule: CompiledRule
    points: Sequence[int]


class Multiplier(msgspec.Struct, frozen=True, gc=False):
    """A multiplier that applies, and the basis of the lines it counts (0 elsewhere)."""

    rule: CompiledRule
    own: Sequence[int]

    @property
    def does(self) -> Multiplication:
        does = self.rule.multiplies
        if does is None:
            raise TypeError(f"rule {self.rule.rule_id} is no multiplier")
        return does


Extra = tuple[CompiledRule, list[int]]
"""What a multiplier added, by cell. Cells are the lines of the first rate, then those of the next …"""
Chosen = Sequence[Sequence[bool]]
"""Per multiplier and cell, whether that one works there."""


def multiply(
    rates: Sequence[Given],
    multipliers: Sequence[Multiplier],
    combine: Combine,
    facts: EarnFacts,
    notes: Notes | None = None,
) -> list[Given]:
    """The rates after all multipliers, then what each multiplier that worked on anything added (perhaps nothing)."""
    lines = len(rates[0].points)
    as_given = [points for given in rates for points in given.points]
    now = base = as_given  # lists that are replaced, never changed
    extras: list[Extra] = []
    chosen = None
    if combine != "multiply" and len(multipliers) > 1:
        chosen = _one_each(rates, multipliers, combine, facts)
    for number, multiplier in enumerate(multipliers):
        does = multiplier.does
        weights = _weights(rates, multiplier, does, now) if chosen is None else _where(chosen[number], now)
        total = sum(weights)
        if not total:
            continue
        change = rounded(total * does.numerator, does.denominator, does.rounding) - total
        if notes is not None:
            notes.worked[multiplier.rule.rule_id] = Worked(total, change)
        if change > 0 and multiplier.rule.caps:
            change = capped(multiplier.rule.rule_id, multiplier.rule.caps, change, facts)
        if change < 0:
            base, extras = _taken_off(base, extras, largest_remainder(-change, weights))
            now = [sum(of_cell) for of_cell in zip(base, *(points for _, points in extras), strict=True)]
            extras.append((multiplier.rule, [0] * len(base)))
        else:
            added = largest_remainder(change, weights)
            if number + 1 < len(multipliers):
                now = list(map(add, now, added))
            extras.append((multiplier.rule, added))
    given = list(rates)
    if base is not as_given:
        given = [Given(one.rule, base[place * lines : place * lines + lines]) for place, one in enumerate(rates)]
    for rule, of_cells in extras:
        of_lines = of_cells if len(rates) == 1 else [sum(of_cells[line::lines]) for line in range(lines)]
        given.append(Given(rule, of_lines))
    return given


def works_on(multiplier: Multiplier, rate: CompiledRule) -> bool:
    return multiplier.does.of_rules is None or rate.rule_id in multiplier.does.of_rules


def _weights(rates: Sequence[Given], multiplier: Multiplier, does: Multiplication, now: list[int]) -> list[int]:
    """The points of the cells it covers, 0 elsewhere; `does`: what it does."""
    if does.of_rules is None:
        return now if all(multiplier.own) else _where(list(multiplier.own) * len(rates), now)
    return _where(_covered(rates, multiplier), now)


def _covered(rates: Sequence[Given], multiplier: Multiplier) -> list[int]:
    nowhere = [0] * len(multiplier.own)
    return [basis for given in rates for basis in (multiplier.own if works_on(multiplier, given.rule) else nowhere)]


def _where(covered: Sequence[int], now: Sequence[int]) -> list[int]:
    return [points if here else 0 for points, here in zip(now, covered, strict=True)]


def _taken_off(base: list[int], extras: list[Extra], parts: Sequence[int]) -> tuple[list[int], list[Extra]]:
    """Without `parts` of each cell: of whoever gave points there, in proportion."""
    rows = [list(base), *(list(points) for _, points in extras)]
    for cell, part in enumerate(parts):
        for row, share in zip(rows, largest_remainder(part, [row[cell] for row in rows]), strict=True):
            row[cell] -= share
    return rows[0], [(rule, row) for (rule, _), row in zip(extras, rows[1:], strict=True)]


def _spent(multiplier: Multiplier, facts: EarnFacts) -> bool:
    """Whether its caps let it add nothing any more: then it is the best of nothing."""
    rule, does = multiplier.rule, multiplier.does
    return does.numerator > does.denominator and bool(rule.caps) and not capped(rule.rule_id, rule.caps, 1, facts)


def _one_each(rates: Sequence[Given], multipliers: Sequence[Multiplier], combine: Combine, facts: EarnFacts) -> Chosen:
    """Of the multipliers that meet on a line of a rate rule the best or the newest alone works there."""
    day = date.min if facts.day is None else facts.day.day

    def wins(one: Multiplier, other: Multiplier) -> bool:
        if combine == "newest":
            return one.rule.began(day) > other.rule.began(day)
        if (spent := _spent(one, facts)) is not _spent(other, facts):
            return not spent
        return one.does.numerator * other.does.denominator > other.does.numerator * one.does.denominator

    covered = [_covered(rates, multiplier) for multiplier in multipliers]
    chosen = [[False] * len(covered[0]) for _ in multipliers]
    for cell in range(len(covered[0])):
        winner: int | None = None
        for number, multiplier in enumerate(multipliers):
            if covered[number][cell] and (winner is None or wins(multiplier, multipliers[winner])):
                winner = number
        if winner is not None:
            chosen[winner][cell] = True
    return chosen
