"""The rules of points.md read off the pack for one receipt, slowly and with fractions; the engine must agree.

Nothing is compiled and nothing of the engine is used but the basis. Points are {(rule id, line number): points}.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import ceil, floor
from typing import Any

from services.earning.domain.basis import explain_bases
from services.earning.domain.facts import EarnFacts
from services.earning.domain.returned import Returned
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.pack import ProgramPack
from shared.programs.rules import ReceiptRule

Points = dict[tuple[str, int], int]
_LINE_WORDS = {"skus": "sku", "categories": "category", "conditions": "condition", "brands": "brand"}


def reference(
    purchase: PurchaseCompleted, returned: Returned, facts: EarnFacts, pack: ProgramPack
) -> dict[tuple[str, int], int]:
    return _Reading(purchase, returned, facts, pack).points()


class _Reading:
    def __init__(self, purchase: PurchaseCompleted, returned: Returned, facts: EarnFacts, pack: ProgramPack) -> None:
        self.purchase, self.facts, self.pack = purchase, facts, pack
        tax_excluded, shipping = pack.basis.tax == "excluded", pack.basis.shipping_earns
        explained = explain_bases(purchase, returned, tax_excluded, shipping)
        self.bases = [one.basis for one in (explained if shipping else explained[:-1])]
        self.left = [
            line.quantity - (returned.lines[line.line_id].quantity if line.line_id in returned.lines else 0)
            for line in purchase.lines
        ] + [1]
        self.rules = sorted(
            (rule for rule in pack.rules if rule.enabled and isinstance(rule, ReceiptRule)),
            key=lambda rule: (-rule.priority, rule.rule_id),
        )

    def points(self) -> Points:
        standing: dict[str, Points] = {}
        multipliers: list[Any] = []
        for rule in self.rules:
            lines = self.lines(rule)
            if not self.admitted(rule, lines):
                continue
            if rule.kind == "multiplier":
                if not lines:
                    continue
                multipliers.append(rule)
            else:
                own = self.own(rule, lines)
                if not own:
                    continue
                standing[rule.rule_id] = own
            if rule.stop:
                break
        multipliers = self.best_multipliers(multipliers, standing)
        chosen = self.compete(standing, multipliers)
        return {key: points for key, points in self.multiplied(chosen, multipliers).items() if points}

    def rule(self, rule_id: str) -> Any:
        return next(rule for rule in self.rules if rule.rule_id == rule_id)

    def lines(self, rule: Any) -> list[int]:
        """Numbers of the lines that it counts and that earn."""
        names_lines = rule.kind == "per_sku" or getattr(rule, "condition", None) is not None
        for part in (rule.when, rule.unless):
            names_lines |= part is not None and any(
                getattr(part, word) is not None for word in (*_LINE_WORDS, "labels")
            )
        counted = []
        for number, basis in enumerate(self.bases):
            is_shipping = number == len(self.purchase.lines)
            if basis > 0 and not (names_lines and (is_shipping or not self.counts(rule, self.purchase.lines[number]))):
                counted.append(number)
        return counted

    def counts(self, rule: Any, line: Any) -> bool:
        if rule.kind == "per_sku" and line.sku not in rule.skus:
            return False
        if getattr(rule, "condition", None) not in (None, line.condition):
            return False
        for part, wanted in ((rule.when, True), (rule.unless, False)):
            if part is None:
                continue
            for word, name in _LINE_WORDS.items():
                if getattr(part, word) is not None and (getattr(line, name) in getattr(part, word)) is not wanted:
                    return False
            if part.labels is not None and bool(set(part.labels) & set(line.labels)) is not wanted:
                return False
        return True

    def admitted(self, rule: Any, lines: list[int]) -> bool:
        answers = []
        for part, wanted in ((rule.when, True), (rule.unless, False)):
            if part is not None:
                answers += [answer is wanted for answer in self.asked(part, lines)]
        if rule.kind == "first_order":
            answers.append(self.facts.first_order)
        return all(answers)

    def asked(self, part: Any, lines: list[int]) -> Iterable[bool]:
        day = self.facts.day
        assert day is not None
        spend = sum(self.bases) if part.spend_of == "receipt" else sum(self.bases[number] for number in lines)
        if part.min_spend_minor is not None:
            yield spend >= part.min_spend_minor
        if part.max_spend_minor is not None:
            yield spend <= part.max_spend_minor
        if part.weekdays is not None:
            yield day.day.isoweekday() in part.weekdays
        if part.dates is not None:
            yield any(period.from_ <= day.day < period.to for period in part.dates)
        if part.lunar_market_days is not None:
            yield day.lunar.day in part.lunar_market_days
        if part.stores is not None:
            yield self.purchase.store_id in part.stores
        if part.channels is not None:
            yield self.purchase.channel in part.channels
        if part.first_order is not None:
            yield self.facts.first_order
        if part.tiers is not None:
            yield self.facts.tier in part.tiers

    def own(self, rule: Any, lines: list[int]) -> Points:
        there = [number for number in lines if self.left[number] > 0]
        if rule.kind == "rate":
            exact = Fraction(sum(self.bases[number] for number in lines) * rule.points, rule.per_minor)
            return self.given(rule, _round(exact, rule.rounding), {number: self.bases[number] for number in lines})
        if rule.kind == "per_sku":
            due = {number: rule.points * (self.left[number] if rule.per == "unit" else 1) for number in there}
            return self.given(rule, sum(due.values()), due)
        return self.given(rule, rule.points if there else 0, {number: self.bases[number] for number in lines})

    def given(self, rule: Any, points: int, weights: dict[int, int]) -> Points:
        points = self.capped(rule, points)
        return {(rule.rule_id, number): part for number, part in _split(points, weights).items()} if points else {}

    def capped(self, rule: Any, points: int) -> int:
        lefts = [(self.cap_left(rule, cap), cap.over) for cap in rule.caps]
        if any(points > left for left, over in lefts if over == "reject"):
            return 0
        return min([points, *(left for left, _ in lefts)])

    def cap_left(self, rule: Any, cap: Any) -> int:
        if cap.per == "transaction":
            return int(cap.points)
        return int(min(cap.points, self.facts.left.get((rule.rule_id, cap.per), cap.points)))

    def best_multipliers(self, multipliers: list[Any], standing: dict[str, Points]) -> list[Any]:
        for group in {rule.exclusive_group for rule in multipliers} - {None}:
            rivals = [rule for rule in multipliers if rule.exclusive_group == group]
            alone = [sum(self.multiplied(standing, [rule], only_rates=True).values()) for rule in rivals]
            best = rivals[alone.index(max(alone))]
            multipliers = [rule for rule in multipliers if rule not in rivals or rule is best]
        return multipliers

    def compete(self, standing: dict[str, Points], multipliers: list[Any]) -> dict[str, Points]:
        def worth(*rule_ids: str) -> int:
            return sum(self.multiplied({one: standing[one] for one in rule_ids}, multipliers).values())

        left = dict(standing)
        groupings: tuple[Callable[[Any], str | None], ...] = (
            lambda rule: rule.kind if rule.kind == "first_order" else None,
            lambda rule: rule.exclusive_group,
        )
        for group_of in groupings:
            for group in sorted({str(found) for one in left if (found := group_of(self.rule(one))) is not None}):
                rivals = [one for one in left if group_of(self.rule(one)) == group]
                values = [worth(one) for one in rivals]
                best = rivals[values.index(max(values))]
                left = {one: points for one, points in left.items() if one not in rivals or one == best}
        together = [one for one in left if self.rule(one).stackable]
        alone = [one for one in left if not self.rule(one).stackable]
        if alone:
            values = [worth(one) for one in alone]
            keep = [alone[values.index(max(values))]] if max(values) > worth(*together) else together
            left = {one: left[one] for one in keep}
        return left

    def multiplied(self, chosen: dict[str, Points], multipliers: list[Any], *, only_rates: bool = False) -> Points:
        """Every point with its giver and the rate it stems from; a multiplier's work is rounded over all of it."""
        fixed: Points = {}
        stems: dict[tuple[str, str, int], int] = {}  # (rate, giver, line)
        for rule_id, own in chosen.items():
            for (_, number), points in own.items():
                if self.rule(rule_id).kind == "rate":
                    stems[rule_id, rule_id, number] = points
                elif not only_rates:
                    fixed[rule_id, number] = points
        self.multiply(stems, multipliers)
        together = dict(fixed)
        for (_, giver, number), points in stems.items():
            together[giver, number] = together.get((giver, number), 0) + points
        return together

    def multiply(self, stems: dict[tuple[str, str, int], int], multipliers: list[Any]) -> None:
        here = {rule.rule_id: set(self.lines(rule)) for rule in multipliers}
        order = {rule.rule_id: place for place, rule in enumerate(self.rules)}
        for rule in multipliers:
            cells: dict[tuple[str, int], int] = {}
            for (rate, _, number), points in stems.items():
                if number in here[rule.rule_id] and self.works(rule, rate, number, multipliers, here):
                    cells[rate, number] = cells.get((rate, number), 0) + points
            total = sum(cells.values())
            if not total:
                continue
            factor = Fraction(rule.factor.numerator, rule.factor.denominator)
            change = _round(total * factor, rule.rounding) - total
            cells = dict(sorted(cells.items(), key=lambda cell: (order[cell[0][0]], cell[0][1])))
            if change >= 0:
                for (rate, number), part in _split(self.capped(rule, change), cells).items():
                    stems[rate, rule.rule_id, number] = part
            else:
                for (rate, number), part in _split(-change, cells).items():
                    givers = {key: points for key, points in stems.items() if (key[0], key[2]) == (rate, number)}
                    for key, share in _split(part, givers).items():
                        stems[key] -= share

    def works(self, rule: Any, rate: str, number: int, multipliers: list[Any], here: dict[str, set[int]]) -> bool:
        def covers(one: Any) -> bool:
            return number in here[one.rule_id] and (one.of_rules is None or rate in one.of_rules)

        if not covers(rule) or self.pack.combine_multipliers == "multiply":
            return covers(rule)
        rivals = [one for one in multipliers if covers(one)]
        if self.pack.combine_multipliers == "best":
            values: list[Any] = [
                (one.factor.numerator <= one.factor.denominator or self.capped(one, 1) > 0,
                 Fraction(one.factor.numerator, one.factor.denominator))
                for one in rivals
            ]  # fmt: skip
        else:
            values = [self.start(one) for one in rivals]
        return rivals[values.index(max(values))] is rule

    def start(self, rule: Any) -> int:
        assert self.facts.day is not None
        today = self.facts.day.day
        periods = [] if rule.when is None else rule.when.dates or []
        return max((period.from_.toordinal() for period in periods if period.from_ <= today), default=0)


def _round(exact: Fraction, rounding: str) -> int:
    if rounding == "floor":
        return floor(exact)
    return ceil(exact) if rounding == "ceil" else floor(exact + Fraction(1, 2))


def _split(points: int, weights: dict[Any, int]) -> dict[Any, int]:
    """Exact shares floored; the largest fractions get one more, the earlier first among alike."""
    whole = sum(weights.values())
    if not points or not whole:
        return {}
    exact = {key: Fraction(points * weight, whole) for key, weight in weights.items()}
    parts = {key: floor(share) for key, share in exact.items()}
    order = {key: place for place, key in enumerate(exact)}
    for key in sorted(exact, key=lambda key: (parts[key] - exact[key], order[key]))[: points - sum(parts.values())]:
        parts[key] += 1
    return parts
