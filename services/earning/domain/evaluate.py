"""Which rules of a program apply to a receipt and what each gives, in the order of points.md, "Earning".

1. By priority, high to low, then by rule id: a rule applies if its conditions hold and it comes to at least a point
   after its caps (a multiplier: if it counts a line that earns); its points are split over its lines. A rule that
   applied and says `stop` is the last.
2. Of multipliers in one exclusive group the one that would add most by itself stays.
3. Of other rules in one exclusive group the best for the member stays; a rate rule is worth its points after
   multipliers. Ties go to the earlier in the order of 1.
4. The best rule that does not stack (alike) competes with the sum of those that do; alike in points, the sum wins. A
   multiplier goes with the rate rules it works on, whichever side they are on.
5. The points of lines that rate rules give are multiplied.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeVar

from services.earning.domain.basket import Basket
from services.earning.domain.caps import capped
from services.earning.domain.compiled_rule import CompiledRule
from services.earning.domain.conditions import Named, SpendTest
from services.earning.domain.facts import EarnFacts
from services.earning.domain.multiply import Given, Multiplier, multiply
from services.earning.domain.notes import Notes
from services.earning.domain.program import CompiledProgram
from services.earning.domain.sieve import Rules
from services.earning.domain.why import why
from shared.programs.largest_remainder import largest_remainder


class _OfARule(Protocol):
    @property
    def rule(self) -> CompiledRule: ...


_Candidate = TypeVar("_Candidate", bound=_OfARule)
Asked = TypeVar("Asked")


def evaluate(
    basket: Basket,
    facts: EarnFacts,
    program: CompiledProgram,
    only: AbstractSet[str] | None = None,
    notes: Notes | None = None,
) -> list[Given]:
    """What each rule that counts in the end gives, in order of evaluation; a multiplier may give 0 and still count.

    `only` restricts it to these rules. Raises CalendarYearUnpublishedError where a rule asks for days off that
    nobody has published.
    """
    sieve = program.sieve
    admitted, lines = sieve.sift(basket, facts)
    if only is not None:
        admitted &= sieve.of(only)
    applied, multipliers = _applying(sieve.chosen(admitted), lines, basket, facts)
    if notes is not None:
        applying = {one.rule.rule_id for one in applied} | {one.rule.rule_id for one in multipliers}
        _note(basket, facts, program, only, applying, notes)
    if admitted & sieve.competing:
        if _compete(multipliers):
            multipliers = _best_multipliers(applied, multipliers, facts, notes)
        if _compete(applied):
            applied = _competing(applied, multipliers, program, facts, notes)
    given = _multiplied(applied, multipliers, program, facts, notes) if multipliers else applied
    if notes is not None:
        counted = {one.rule.rule_id for one in given}
        for multiplier in multipliers:
            if multiplier.rule.rule_id not in counted and multiplier.rule.rule_id not in notes.why_not:
                notes.why_not[multiplier.rule.rule_id] = why("no rate rule gave points on the lines it counts")
    return given


def _applying(
    admitted: Sequence[CompiledRule], lines: Sequence[Rules], basket: Basket, facts: EarnFacts
) -> tuple[list[Given], list[Multiplier]]:
    """Which of the rules apply, in their order; `lines` as the sieve tells."""
    applied: list[Given] = []
    multipliers: list[Multiplier] = []
    bases = basket.bases
    for rule in admitted:
        own = bases if rule.counted is None else _own(rule.bit, lines, bases)
        if rule.green is not None and not any(own := _green(rule, own, basket, facts)):
            continue
        if rule.own and not _holds(rule.own, sum(own)):
            continue
        points = rule.points
        if points is None:
            multipliers.append(Multiplier(rule, own))
        else:
            total, weights = points(own, basket)
            if rule.caps:
                total = capped(rule.rule_id, rule.caps, total, facts)
            if not total:
                continue
            applied.append(Given(rule, largest_remainder(total, weights)))
        if rule.stop:
            break
    return applied, multipliers


def _own(bit: Rules, lines: Sequence[Rules], bases: Sequence[int]) -> Sequence[int]:
    """The basis of each line that the rule of this bit counts, 0 elsewhere."""
    return [basis if of_line & bit else 0 for of_line, basis in zip(lines, bases)]  # noqa: B905 - dear


def own_lines(rule: CompiledRule, basket: Basket, facts: EarnFacts) -> Sequence[int]:
    """The basis of each line that the rule counts, 0 elsewhere, without the sieve."""
    own = basket.bases if rule.counted is None else rule.counted(basket)
    return _green(rule, own, basket, facts)


def _green(rule: CompiledRule, own: Sequence[int], basket: Basket, facts: EarnFacts) -> Sequence[int]:
    """Of a green rule's lines those under a good certificate (C12)."""
    if rule.green is None:
        return own
    if facts.day is None:
        raise ValueError(f"rule {rule.rule_id} is green, and the facts of this decision do not have the day")
    return rule.green(basket, own, facts.day.day)


def _holds(tests: Sequence[SpendTest], spent: int) -> bool:
    return all(holds(spent) for holds in tests)


def _note(
    basket: Basket,
    facts: EarnFacts,
    program: CompiledProgram,
    only: AbstractSet[str] | None,
    applying: AbstractSet[str],
    notes: Notes,
) -> None:
    """Why each rule of the day that does not apply does not, looked at again: only explanations take that time."""
    ended_by: str | None = None
    for rule in program.rules_on(facts.day):
        if only is not None and rule.rule_id not in only:
            notes.why_not[rule.rule_id] = why("did not count when the receipt was decided")
        elif ended_by is not None:
            notes.why_not[rule.rule_id] = why("rule {rule} applied before it and ends the evaluation", rule=ended_by)
        else:
            own = own_lines(rule, basket, facts)
            if rule.points is not None:
                notes.before_caps[rule.rule_id] = rule.points(own, basket)[0]
            if rule.rule_id not in applying:
                notes.why_not[rule.rule_id] = _why_not(rule, basket, facts, own, notes)
            elif rule.stop:
                ended_by = rule.rule_id


def _why_not(rule: CompiledRule, basket: Basket, facts: EarnFacts, own: Sequence[int], notes: Notes) -> str:
    conditions = rule.conditions
    refused = (
        failing(conditions.receipt, basket.purchase)
        or failing(conditions.member, facts)
        or failing(conditions.whole, sum(basket.bases))
        or failing(conditions.own, sum(own))
    )
    if refused:
        notes.before_caps.pop(rule.rule_id, None)
        return refused
    if rule.green is not None and not any(own):
        return why("no line that it counts is under a green certificate that is good on the day")
    if rule.points is None:
        return why("no line that it counts earns")
    before_caps = notes.before_caps[rule.rule_id]
    return why("its caps leave nothing") if before_caps else why("what it counts comes to no point")


def failing(tests: Sequence[Named[Asked]], asked: Asked) -> str:
    """The conditions that do not hold, by the names the pack gives them; "" if all hold."""
    names = [name for name, holds in tests if not holds(asked)]
    return why("does not hold: {conditions}", conditions=", ".join(names)) if names else ""


def _best_multipliers(
    applied: Sequence[Given], multipliers: Sequence[Multiplier], facts: EarnFacts, notes: Notes | None
) -> list[Multiplier]:
    """What one adds is taken over all rate rules that apply: which of those stay is decided afterwards."""
    rates = [one for one in applied if one.rule.is_rate]

    def worth(multiplier: Multiplier) -> int:
        return _sum(multiply(rates, [multiplier], "multiply", facts)) if rates else 0

    return _best_of_groups(multipliers, worth, notes)


def _competing(
    applied: Sequence[Given],
    multipliers: Sequence[Multiplier],
    program: CompiledProgram,
    facts: EarnFacts,
    notes: Notes | None,
) -> list[Given]:
    """The rules that are left after exclusive groups and after the best that does not stack met those that do."""

    def worth(*side: Given) -> int:
        return _sum(_multiplied(side, multipliers, program, facts))

    left = _best_of_groups(applied, worth, notes)
    alone = [one for one in left if not one.rule.stackable]
    if not alone:
        return left
    together = [one for one in left if one.rule.stackable]
    best = max(alone, key=worth)  # of alike ones the first, which is the earlier in the order
    wins = [best] if worth(best) > worth(*together) else together
    if notes is not None:
        lost = why("does not stack, and the rules that do give as much or more together")
        if wins == [best]:
            lost = why("rule {rule}, which does not stack, gives more", rule=best.rule.rule_id)
        for one in left:
            if one not in wins:
                notes.why_not[one.rule.rule_id] = lost
    return wins


def _best_of_groups(
    candidates: Sequence[_Candidate], worth: Callable[[_Candidate], int], notes: Notes | None
) -> list[_Candidate]:
    """Without those that another of a group they are in surpasses; groups of a kind before those of the pack."""
    left = list(candidates)
    for group in sorted({group for one in left for group in one.rule.groups}, reverse=True):
        rivals = [one for one in left if group in one.rule.groups]
        best = max(rivals, key=worth) if len(rivals) > 1 else None
        for rival in rivals:
            if best is not None and rival is not best:
                left = [one for one in left if one is not rival]
                if notes is not None:
                    notes.why_not[rival.rule.rule_id] = why(
                        "rule {rule} of {group} gives as much or more", rule=best.rule.rule_id, group=group
                    )
    return left


def _compete(candidates: Sequence[_OfARule]) -> bool:
    for one in candidates:  # noqa: SIM110 - half the time of any()
        if one.rule.competes:
            return True
    return False


def _multiplied(
    applied: Sequence[Given],
    multipliers: Sequence[Multiplier],
    program: CompiledProgram,
    facts: EarnFacts,
    notes: Notes | None = None,
) -> list[Given]:
    """The points of these rules by line, and what the multipliers add to them, in order of evaluation."""
    rates = [one for one in applied if one.rule.is_rate] if multipliers else []
    if not rates:
        return list(applied)
    given = multiply(rates, multipliers, program.combine, facts, notes)
    if len(rates) < len(applied):
        given += [one for one in applied if not one.rule.is_rate]
    given.sort(key=_place)
    return given


def _sum(given: Sequence[Given]) -> int:
    return sum(sum(one.points) for one in given)


def _place(given: Given) -> int:
    return given.rule.place
