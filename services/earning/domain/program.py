"""A program version made ready to judge receipts: rules compiled to functions, zones and periods resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.earning.domain.rules import RULES
from services.earning.domain.rules.kind import RuleFunction
from services.earning.domain.rules.material import Tariff, compile_material
from shared.events.fields import PointsClass
from shared.programs.expiry import start_of_day
from shared.programs.pack import Budget, ProgramPack, Station
from shared.programs.rules import MaterialRule, RateRule, ReferralRule, Side


@dataclass(frozen=True, slots=True)
class CompiledRule:
    rule_id: str
    rule: RateRule
    points_per_line: RuleFunction


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """The enabled rules that pay into one award: same class, same budget, in order of evaluation."""

    points_class: PointsClass
    budget_id: str
    rules: tuple[CompiledRule, ...]


@dataclass(frozen=True, slots=True)
class TariffGroup:
    """The same for the material rules that drops are judged by."""

    points_class: PointsClass
    budget_id: str
    tariffs: tuple[Tariff, ...]


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
    tariffs: tuple[TariffGroup, ...]
    stations: Mapping[str, Station]
    referral: Mapping[Side, ReferralRule]


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
        tariffs=_tariffs(pack),
        stations={station.station_id: station for station in pack.stations},
        referral=_referral(pack),
    )


def _groups(pack: ProgramPack) -> tuple[RuleGroup, ...]:
    grouped: dict[tuple[PointsClass, str], list[CompiledRule]] = {}
    for rule in sorted(pack.rules, key=lambda rule: rule.rule_id):
        if isinstance(rule, RateRule) and rule.enabled:
            compiled = CompiledRule(rule.rule_id, rule, RULES[rule.kind].compile(rule))
            grouped.setdefault((rule.points_class, rule.budget_id), []).append(compiled)
    return tuple(
        RuleGroup(points_class, budget_id, tuple(rules)) for (points_class, budget_id), rules in grouped.items()
    )


def _tariffs(pack: ProgramPack) -> tuple[TariffGroup, ...]:
    factors = {factor.material: factor for factor in pack.factors}
    grouped: dict[tuple[PointsClass, str], list[Tariff]] = {}
    for rule in sorted(pack.rules, key=lambda rule: rule.rule_id):
        if isinstance(rule, MaterialRule) and rule.enabled:
            grouped.setdefault((rule.points_class, rule.budget_id), []).append(compile_material(rule, factors))
    return tuple(TariffGroup(*key, tuple(tariffs)) for key, tariffs in grouped.items())


def _referral(pack: ProgramPack) -> Mapping[Side, ReferralRule]:
    """One exclusive group per side: the best alone counts (points, then rule id)."""
    best: dict[Side, ReferralRule] = {}
    for rule in sorted(pack.rules, key=lambda rule: rule.rule_id):
        if isinstance(rule, ReferralRule) and rule.enabled:
            known = best.get(rule.side)
            if known is None or rule.points > known.points:
                best[rule.side] = rule
    return best


def _budget(budget: Budget, zone: ZoneInfo) -> CompiledBudget:
    return CompiledBudget(
        budget_id=budget.budget_id,
        approved_minor=budget.approved_minor,
        cost_minor=budget.cost_per_point.minor,
        cost_points=budget.cost_per_point.points,
        starts=start_of_day(budget.period.from_, zone),
        ends=start_of_day(budget.period.to, zone),
    )
