"""A program version made ready to judge receipts: rules compiled to functions, zones and periods resolved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.earning.domain.asked import Capped, FactsAsked, asked_by, asked_by_caps
from services.earning.domain.compiled_occasion import CompiledOccasion, compile_occasion
from services.earning.domain.compiled_rule import CompiledRule, compile_rule
from services.earning.domain.dates import ProgramDates
from services.earning.domain.facts import Counter
from services.earning.domain.green import compile_green
from services.earning.domain.rules.material import Tariff, compile_material
from services.earning.domain.rules.rate import PlainRate, compile_plain_rate
from services.earning.domain.sieve import Sieve
from services.earning.domain.tiers import TierTerms, tier_terms
from shared.calendar.chinese import Calendar, calendar_with
from shared.calendar.day_facts import DayFacts
from shared.events.fields import PointsClass
from shared.programs.community import Activity, Organisation
from shared.programs.expiry import start_of_day
from shared.programs.pack import Budget, ProgramPack, Station
from shared.programs.rules import (
    Cap,
    CapWindow,
    Combine,
    MaterialRule,
    OccasionRule,
    RateRule,
    ReceiptRule,
    ReferralRule,
    Side,
)


@dataclass(frozen=True, slots=True)
class PlainGroup:
    """Rate rules that pay into one award: same class, same budget, each with its place in the order of evaluation."""

    points_class: PointsClass
    budget_id: str
    rules: tuple[tuple[int, str, PlainRate], ...]


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
    """Compile once per version and keep it: everything here is frozen.

    `rules` are the enabled ones of receipts in order of evaluation, `sieve` finds those that may count. `plain`: the
    same as groups, if they are rates that nothing else touches, so that each stands for itself; else None. `counters`:
    those that a rule's points are counted in for its caps; `member_windows` and `campaigns`: over what. `occasions`:
    rules of sign-ups, birthdays and activities, in order of evaluation. `referral`: rules of each side, most points
    first. `asks_of_deeds`: what caps on drops and inviters ask for. `as_claimed`: the same program if every line
    were as green as it claims, where it has green multipliers: only to tell what a refused claim would have given
    (C12).
    """

    pack: ProgramPack
    program_id: str
    version: int
    currency: str
    merchants: frozenset[str]
    tax_excluded: bool
    shipping_earns: bool
    proportional: bool
    zone: ZoneInfo
    dates: ProgramDates
    return_window: timedelta
    calendar: Calendar
    rules: tuple[CompiledRule, ...]
    sieve: Sieve
    plain: tuple[PlainGroup, ...] | None
    combine: Combine
    counters: Mapping[str, tuple[Counter, ...]]
    cap_points: Mapping[Counter, int]
    member_windows: frozenset[CapWindow]
    as_claimed: "CompiledProgram | None"
    tiers: TierTerms | None
    campaigns: bool
    asks: FactsAsked
    occasions: tuple[CompiledOccasion, ...]
    asks_of_occasions: FactsAsked
    budgets: Mapping[str, CompiledBudget]
    tariffs: tuple[TariffGroup, ...]
    stations: Mapping[str, Station]
    referral: Mapping[Side, tuple[ReferralRule, ...]]
    asks_of_deeds: FactsAsked
    activities: Mapping[str, Activity]
    organisations: Mapping[str, Organisation]

    def rules_on(self, day: DayFacts | None) -> tuple[CompiledRule, ...]:
        """The rules of receipts whose conditions on the day hold, in order of evaluation."""
        return self.sieve.chosen(self.sieve.on(day))


def compile_program(pack: ProgramPack, *, trusting_claims: bool = False) -> CompiledProgram:
    zone = ZoneInfo(pack.time_zone)
    rules = _rules(pack, trusting_claims)
    has_green = any(rule.green is not None for rule in rules)
    occasions = _occasions(pack)
    tariffs, referral = _tariffs(pack), _referral(pack)
    deeds: tuple[Capped, ...] = (
        *(tariff for group in tariffs for tariff in group.tariffs),
        *(rule for of_side in referral.values() for rule in of_side),
    )
    caps = _caps((*rules, *occasions, *deeds))
    windows = frozenset(cap.per for of_rule in caps.values() for cap in of_rule)
    return CompiledProgram(
        pack=pack,
        program_id=pack.program_id,
        version=pack.version,
        currency=pack.currency,
        merchants=frozenset(pack.merchants),
        tax_excluded=pack.basis.tax == "excluded",
        shipping_earns=pack.basis.shipping_earns,
        proportional=pack.refund_method == "proportional",
        zone=zone,
        dates=ProgramDates(zone, pack.expiry),
        return_window=timedelta(days=pack.return_window_days),
        calendar=calendar_with(pack.calendar.overrides()),
        rules=rules,
        sieve=Sieve(rules),
        plain=_plain(rules, pack),
        combine=pack.combine_multipliers,
        counters=_counters(caps),
        tiers=None if pack.tiers is None else tier_terms(pack.tiers),
        cap_points={(rule_id, cap.per): cap.points for rule_id, of_rule in caps.items() for cap in of_rule},
        member_windows=windows - {"transaction", "campaign"},
        as_claimed=compile_program(pack, trusting_claims=True) if has_green and not trusting_claims else None,
        campaigns="campaign" in windows,
        asks=asked_by(rules),
        occasions=occasions,
        asks_of_occasions=asked_by(occasions),
        budgets={budget.budget_id: _budget(budget, zone) for budget in pack.budgets},
        tariffs=tariffs,
        stations={station.station_id: station for station in pack.stations},
        referral=referral,
        asks_of_deeds=asked_by_caps(deeds),
        activities={activity.activity_id: activity for activity in pack.activities},
        organisations={organisation.organisation_id: organisation for organisation in pack.organisations},
    )


def _rules(pack: ProgramPack, trusting_claims: bool) -> tuple[CompiledRule, ...]:
    green = compile_green(pack.green_certificates, trusted=trusting_claims) if pack.green_certificates else None
    of_receipts = [rule for rule in pack.rules if isinstance(rule, ReceiptRule) and rule.enabled]
    of_receipts.sort(key=lambda rule: (-rule.priority, rule.rule_id))
    return tuple(compile_rule(place, rule, pack.member_day, green) for place, rule in enumerate(of_receipts))


def _occasions(pack: ProgramPack) -> tuple[CompiledOccasion, ...]:
    rules = [rule for rule in pack.rules if isinstance(rule, OccasionRule) and rule.enabled]
    rules.sort(key=lambda rule: (-rule.priority, rule.rule_id))
    return tuple(compile_occasion(rule, pack.member_day) for rule in rules)


def _counters(caps: Mapping[str, tuple[Cap, ...]]) -> dict[str, tuple[Counter, ...]]:
    counted = {
        rule_id: tuple((rule_id, cap.per) for cap in of_rule if cap.per != "transaction")
        for rule_id, of_rule in caps.items()
    }
    return {rule_id: counters for rule_id, counters in counted.items() if counters}


def _caps(rules: Iterable[Capped]) -> dict[str, tuple[Cap, ...]]:
    return {rule.rule_id: rule.caps for rule in rules if rule.caps}


def _plain(rules: tuple[CompiledRule, ...], pack: ProgramPack) -> tuple[PlainGroup, ...] | None:
    if pack.basis.shipping_earns:
        return None
    grouped: dict[tuple[PointsClass, str], list[tuple[int, str, PlainRate]]] = {}
    for compiled in rules:
        rule = compiled.rule
        if not isinstance(rule, RateRule) or _meets_others(rule):
            return None
        of_award = grouped.setdefault((rule.points_class, rule.budget_id), [])
        of_award.append((compiled.place, rule.rule_id, compile_plain_rate(rule)))
    return tuple(PlainGroup(*key, tuple(of_award)) for key, of_award in grouped.items())


def _meets_others(rule: RateRule) -> bool:
    competes = rule.stop or rule.exclusive_group is not None or not rule.stackable
    return competes or rule.when is not None or rule.unless is not None or bool(rule.caps)


def _tariffs(pack: ProgramPack) -> tuple[TariffGroup, ...]:
    factors = {factor.material: factor for factor in pack.factors}
    grouped: dict[tuple[PointsClass, str], list[Tariff]] = {}
    for rule in sorted(pack.rules, key=lambda rule: rule.rule_id):
        if isinstance(rule, MaterialRule) and rule.enabled:
            grouped.setdefault((rule.points_class, rule.budget_id), []).append(compile_material(rule, factors))
    return tuple(TariffGroup(*key, tuple(tariffs)) for key, tariffs in grouped.items())


def _referral(pack: ProgramPack) -> Mapping[Side, tuple[ReferralRule, ...]]:
    """One exclusive group per side, of which the best alone counts: most points first, then by rule id."""
    rules = [rule for rule in pack.rules if isinstance(rule, ReferralRule) and rule.enabled]
    rules.sort(key=lambda rule: (-rule.points, rule.rule_id))
    sides: dict[Side, list[ReferralRule]] = {}
    for rule in rules:
        sides.setdefault(rule.side, []).append(rule)
    return {side: tuple(of_side) for side, of_side in sides.items()}


def _budget(budget: Budget, zone: ZoneInfo) -> CompiledBudget:
    return CompiledBudget(
        budget_id=budget.budget_id,
        approved_minor=budget.approved_minor,
        cost_minor=budget.cost_per_point.minor,
        cost_points=budget.cost_per_point.points,
        starts=start_of_day(budget.period.from_, zone),
        ends=start_of_day(budget.period.to, zone),
    )
