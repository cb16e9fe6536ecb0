"""A program version made ready to judge receipts: rules compiled to functions, zones and periods resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.earning.domain.rules import RULES
from services.earning.domain.rules.kind import RuleFunction
from shared.events.fields import PointsClass
from shared.programs.expiry import start_of_day
from shared.programs.pack import Budget, ProgramPack
from shared.programs.rules import AnyRule


@dataclass(frozen=True, slots=True)
class CompiledRule:
    rule_id: str
    rule: AnyRule
    points_per_line: RuleFunction


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """The enabled rules that pay into one award: same class, same budget, in order of evaluation."""

    points_class: PointsClass
    budget_id: str
    rules: tuple[CompiledRule, ...]


@dataclass(frozen=True, slots=True)
class CompiledBudget:
    """From `starts` (inclusive) to `ends` (exclusive), UTC; `cost_points` points cost `cost_minor`."""

    budget_id: str
    approved_minor: int
    cost_minor: int
    cost_points: int
    starts: datetime
    ends: datetime

    def covers(self, at: datetime) -> bool:
        return self.starts <= at < self.ends


@dataclass(frozen=True, slots=True)
class CompiledProgram:
    """Compile once per version and keep it: everything here is frozen."""

    pack: ProgramPack
    program_id: str
    version: int
    currency: str
    merchants: frozenset[str]
    tax_excluded: bool
    zone: ZoneInfo
    groups: tuple[RuleGroup, ...]
    budgets: Mapping[str, CompiledBudget]


def compile_program(pack: ProgramPack) -> CompiledProgram:
    zone = ZoneInfo(pack.time_zone)
    return CompiledProgram(
        pack=pack,
        program_id=pack.program_id,
        version=pack.version,
        currency=pack.currency,
        merchants=frozenset(pack.merchants),
        tax_excluded=pack.basis.tax == "excluded",
        zone=zone,
        groups=_groups(pack),
        budgets={budget.budget_id: _budget(budget, zone) for budget in pack.budgets},
    )


def _groups(pack: ProgramPack) -> tuple[RuleGroup, ...]:
    grouped: dict[tuple[PointsClass, str], list[CompiledRule]] = {}
    for rule in sorted(pack.rules, key=lambda rule: rule.rule_id):
        if rule.enabled:
            compiled = CompiledRule(rule.rule_id, rule, RULES[rule.kind].compile(rule))
            grouped.setdefault((rule.points_class, rule.budget_id), []).append(compiled)
    return tuple(
        RuleGroup(points_class, budget_id, tuple(rules)) for (points_class, budget_id), rules in grouped.items()
    )


def _budget(budget: Budget, zone: ZoneInfo) -> CompiledBudget:
    return CompiledBudget(
        budget_id=budget.budget_id,
        approved_minor=budget.approved_minor,
        cost_minor=budget.cost_per_point.minor,
        cost_points=budget.cost_per_point.points,
        starts=start_of_day(budget.period.from_, zone),
        ends=start_of_day(budget.period.to, zone),
    )
