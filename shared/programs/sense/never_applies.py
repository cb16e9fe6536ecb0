"""Rules, prices and papers of a pack that can never come to anything while this version is in force."""

from collections.abc import Iterator
from datetime import date

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.days import Period
from shared.programs.findings import Finding, Location, Severity, finding
from shared.programs.over import effective_on, price_is_over, reward_is_over, rule_is_over
from shared.programs.pack import ProgramPack
from shared.programs.rules import MaterialRule, MultiplierRule, OccasionRule, RateRule, ReceiptRule, Rule


def check(pack: ProgramPack, _previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    return (*_of_rules(pack), *_of_prices(pack))


def _of_rules(pack: ProgramPack) -> Iterator[Finding]:
    first = effective_on(pack)
    periods = {budget.budget_id: budget.period for budget in pack.budgets}
    for position, rule in enumerate(pack.rules):
        here: Location = ("rules", position)
        if not rule.enabled:
            yield _never((*here, "enabled"), "rule {name} is switched off", rule, severity="note")
            continue
        if periods[rule.budget_id].to <= first:
            yield _never(
                (*here, "budget_id"),
                "rule {name} never gives points: its budget ended on {day}; name one that is still approved",
                rule,
                day=periods[rule.budget_id].to,
            )
        yield from _of_conditions(pack, rule, here, first)
        yield from _of_kind(pack, rule, here)


def _of_conditions(pack: ProgramPack, rule: Rule, here: Location, first: date) -> Iterator[Finding]:
    if not isinstance(rule, ReceiptRule | OccasionRule):
        return
    when = rule.when
    if when is None:
        return
    for field in type(when).model_fields:
        if getattr(when, field) == ():
            sentence = "rule {name} never applies: an empty list under {field} matches nothing; fill it or leave it out"
            yield _never((*here, "when", field), sentence, rule, field=field)
    if when.dates and rule_is_over(rule, pack):
        sentence = "rule {name} never applies: its dates are over when this version takes effect on {day}"
        yield _never((*here, "when", "dates"), sentence, rule, day=first)
    if when.dates and not any(
        _overlap(period, budget.period)
        for period in when.dates
        for budget in pack.budgets
        if budget.budget_id == rule.budget_id
    ):
        sentence = "rule {name} never gives points: its budget pays on none of its dates; change one of them"
        yield _never((*here, "when", "dates"), sentence, rule)
    merchants = getattr(when, "merchants", None)
    if merchants and pack.merchants and not set(merchants) & set(pack.merchants):
        sentence = "rule {name} never applies: none of its merchants is under the program's merchants"
        yield _never((*here, "when", "merchants"), sentence, rule)


def _of_kind(pack: ProgramPack, rule: Rule, here: Location) -> Iterator[Finding]:
    if isinstance(rule, MultiplierRule):
        rates = [one for one in pack.rules if isinstance(one, RateRule) and one.enabled]
        if not [rate for rate in rates if rule.of_rules is None or rate.rule_id in rule.of_rules]:
            yield _never(here, "rule {name} never applies: there is no rate rule that it could multiply", rule)
    if isinstance(rule, MaterialRule) and rule.per_grams_co2e is not None:
        known = {factor.material for factor in pack.factors}
        for place, material in enumerate(rule.materials):
            if material not in known:
                yield _never(
                    (*here, "materials", place),
                    "rule {name} never rewards {material}: it has no factor under factors (FACTOR_MISSING)",
                    rule,
                    severity="note",
                    material=material,
                )


def _of_prices(pack: ProgramPack) -> Iterator[Finding]:
    first = effective_on(pack)
    for position, reward in enumerate(pack.rewards):
        if reward_is_over(reward, pack):
            yield finding(
                ReasonCode.RULE_NEVER_APPLIES,
                "warning",
                ("rewards", position, "available"),
                "reward {name} can never be claimed: it is over when this version takes effect on {day}",
                name=reward.reward_id,
                day=first,
            )
        for place, price in enumerate(reward.special_prices):
            here = ("rewards", position, "special_prices", place)
            if price_is_over(price, pack):
                yield finding(
                    ReasonCode.RULE_NEVER_APPLIES,
                    "note",
                    here,
                    "a price of reward {name} is over when this version takes effect on {day}",
                    name=reward.reward_id,
                    day=first,
                )
            if (price.points, price.money_minor) >= (reward.price.points, reward.price.money_minor):
                yield finding(
                    ReasonCode.RULE_NEVER_APPLIES,
                    "warning",
                    here,
                    "a special price of reward {name} is not below its usual price, so nobody ever pays it",
                    name=reward.reward_id,
                )


def _overlap(one: Period, other: Period) -> bool:
    return one.from_ < other.to and other.from_ < one.to


def _never(
    location: Location, sentence: str, rule: Rule, *, severity: Severity = "warning", **values: object
) -> Finding:
    return finding(ReasonCode.RULE_NEVER_APPLIES, severity, location, sentence, name=rule.rule_id, **values)
