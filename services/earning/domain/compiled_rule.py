"""One rule of a receipt, compiled: what admits it, which lines it counts, what it gives."""

from dataclasses import dataclass
from datetime import date

from services.earning.domain.conditions import (
    Conditions,
    Counted,
    Named,
    SpendTest,
    compile_conditions,
    latest_start,
    one_of,
)
from services.earning.domain.green import GreenLines
from services.earning.domain.rules import RULES
from services.earning.domain.rules.kind import PointsFunction
from shared.events.fields import PointsClass
from shared.events.purchase_completed import PurchaseLine
from shared.programs.days import DayPattern
from shared.programs.rules import (
    Cap,
    FirstOrderRule,
    MultiplierRule,
    PerSkuRule,
    PointsRule,
    RateRule,
    ReceiptRule,
    Rounding,
)


@dataclass(frozen=True, slots=True)
class Multiplication:
    """What a multiplier does to rate rules (None = all of them)."""

    numerator: int
    denominator: int
    rounding: Rounding
    of_rules: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`points` or `multiplies`, one of the two. `place`: in the order of evaluation, from 0; `bit`: the
    same for the sieve. `pays`: the class and budget of its points.

    `groups`: exclusive groups, its kind's own before the pack's; `competes`: it may have to give way to another rule.
    `own`: tests of what the lines it counts come to; `counted` finds those lines, None where it counts all; `green`
    keeps those of them that are under a good certificate (C12), None where nobody asks.
    """

    rule_id: str
    place: int
    bit: int
    rule: ReceiptRule
    pays: tuple[PointsClass, str]
    stop: bool
    stackable: bool
    is_rate: bool
    groups: tuple[str, ...]
    competes: bool
    caps: tuple[Cap, ...]
    conditions: Conditions
    own: tuple[SpendTest, ...]
    counted: Counted | None
    green: GreenLines | None
    points: PointsFunction | None
    multiplies: Multiplication | None

    def began(self, day: date) -> date:
        return latest_start(self.rule.when, day)


def compile_rule(
    place: int, rule: ReceiptRule, member_day: DayPattern | None, green: GreenLines | None = None
) -> CompiledRule:
    """`green`: how the pack's certificates find green lines; a green multiplier needs it."""
    conditions = compile_conditions(rule.when, rule.unless, member_day, tuple(_own_lines(rule)))
    if isinstance(rule, FirstOrderRule):
        conditions = conditions._replace(
            member=(("first_order", lambda facts: facts.first_order), *conditions.member),
            asks=conditions.asks | {"first_order"},
        )
    is_green = isinstance(rule, MultiplierRule) and rule.green
    if is_green:  # a certificate is good on some days
        conditions = conditions._replace(asks=conditions.asks | {"day"})
    groups = _groups(rule)
    stackable = not isinstance(rule, PointsRule) or rule.stackable
    return CompiledRule(
        rule_id=rule.rule_id,
        place=place,
        bit=1 << place,
        rule=rule,
        pays=(rule.points_class, rule.budget_id),
        stop=rule.stop,
        stackable=stackable,
        is_rate=isinstance(rule, RateRule),
        groups=groups,
        competes=bool(groups) or not stackable,
        caps=rule.caps,
        conditions=conditions,
        own=tuple(test for _, test in conditions.own),
        counted=conditions.counted(),
        green=green if is_green else None,
        points=RULES[rule.kind].compile(rule) if isinstance(rule, PointsRule) else None,
        multiplies=_multiplication(rule) if isinstance(rule, MultiplierRule) else None,
    )


def _own_lines(rule: ReceiptRule) -> list[Named[PurchaseLine]]:
    """Lines that a kind narrows by a field of its own."""
    if isinstance(rule, PerSkuRule):
        return [("skus", one_of("sku", rule.skus))]
    if isinstance(rule, RateRule) and rule.condition is not None:
        return [("condition", one_of("condition", (rule.condition,)))]
    return []


def _groups(rule: ReceiptRule) -> tuple[str, ...]:
    kind = ("kind first_order",) if isinstance(rule, FirstOrderRule) else ()
    return kind if rule.exclusive_group is None else (*kind, f"group {rule.exclusive_group}")


def _multiplication(rule: MultiplierRule) -> Multiplication:
    return Multiplication(
        rule.factor.numerator,
        rule.factor.denominator,
        rule.rounding,
        None if rule.of_rules is None else frozenset(rule.of_rules),
    )
