"""Parts that cannot both be meant."""

from collections.abc import Iterator
from fractions import Fraction

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, Location, finding
from shared.programs.pack import ProgramPack
from shared.programs.rewards import VoucherAmount, VoucherThreshold
from shared.programs.rules import PointsRule, RateRule, ReceiptRule, When


def check(pack: ProgramPack, _previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    return (*_within_rules(pack), *_between_rules(pack), *_of_vouchers(pack), *_of_stock(pack), *_of_benefits(pack))


def _within_rules(pack: ProgramPack) -> Iterator[Finding]:
    for position, rule in enumerate(pack.rules):
        if not isinstance(rule, ReceiptRule) or rule.when is None:
            continue
        when, here = rule.when, ("rules", position, "when")
        least, most = when.min_spend_minor, when.max_spend_minor
        if least is not None and most is not None and least > most:
            yield _contradiction(
                (*here, "min_spend_minor"),
                "rule {name} asks for at least {least} and at most {most}, which no receipt is; change one of them",
                name=rule.rule_id,
                least=least,
                most=most,
            )
        yield from _asked_and_excluded(rule, when, rule.unless, here)


def _asked_and_excluded(rule: ReceiptRule, when: When, unless: When | None, here: Location) -> Iterator[Finding]:
    """Labels are left out: a line may bear one that is asked for and none that is excluded."""
    if unless is None:
        return
    for field in When.model_fields:
        asked, excluded = getattr(when, field), getattr(unless, field)
        both_lists = isinstance(asked, tuple) and isinstance(excluded, tuple)
        never = bool(asked) and set(asked) <= set(excluded) if both_lists else asked is True and excluded is True
        if never and field not in ("labels", "segments", "codes"):
            yield _contradiction(
                (*here, field),
                "rule {name} asks for what it excludes under unless: {field}; change one of them",
                name=rule.rule_id,
                field=field,
            )


def _between_rules(pack: ProgramPack) -> Iterator[Finding]:
    """Of an exclusive group the best alone counts: a rate that another of the same conditions beats never does."""
    rates = [
        (position, rule)
        for position, rule in enumerate(pack.rules)
        if isinstance(rule, RateRule) and rule.enabled and rule.exclusive_group is not None
    ]
    for position, rule in rates:
        for _, other in rates:
            if other is not rule and _beats(other, rule):
                yield _contradiction(
                    ("rules", position),
                    "rule {name} never counts: rule {other} of the same group {group} has the same conditions and "
                    "always gives more; take one of them out",
                    name=rule.rule_id,
                    other=other.rule_id,
                    group=rule.exclusive_group,
                )
                break


def _beats(one: RateRule, other: RateRule) -> bool:
    same = ("exclusive_group", "when", "unless", "condition", "caps", "rounding", "stackable", "stop")
    if any(getattr(one, field) != getattr(other, field) for field in same):
        return False
    mine, theirs = Fraction(one.points, one.per_minor), Fraction(other.points, other.per_minor)
    return mine > theirs or (mine == theirs and _before(one, other))


def _before(one: PointsRule, other: PointsRule) -> bool:
    return (-one.priority, one.rule_id) < (-other.priority, other.rule_id)


def _of_vouchers(pack: ProgramPack) -> Iterator[Finding]:
    for position, reward in enumerate(pack.rewards):
        if isinstance(reward, VoucherThreshold) and reward.threshold_minor < reward.amount_minor:
            yield _contradiction(
                ("rewards", position, "threshold_minor"),
                "voucher {name} takes off more than the bill it asks for; raise threshold_minor or lower amount_minor",
                name=reward.reward_id,
            )
        if isinstance(reward, VoucherAmount | VoucherThreshold) and reward.market_value_minor != reward.amount_minor:
            yield _contradiction(
                ("rewards", position, "market_value_minor"),
                "voucher {name} says two values: market_value_minor and amount_minor; write the same",
                name=reward.reward_id,
            )


def _of_stock(pack: ProgramPack) -> Iterator[Finding]:
    for position, reward in enumerate(pack.rewards):
        total = min(
            (stock.units for stock in reward.stock if stock.per == "total" and stock.period is None), default=None
        )
        for place, stock in enumerate(reward.stock):
            if total is not None and stock.units > total:
                yield _contradiction(
                    ("rewards", position, "stock", place, "units"),
                    "reward {name} may give {units} in a part of the time, but {total} in all; change one of them",
                    name=reward.reward_id,
                    units=stock.units,
                    total=total,
                )


def _of_benefits(pack: ProgramPack) -> Iterator[Finding]:
    """Redemption counts what benefits cost, earning all else: a hard stop needs a line of its own for each (C04)."""
    drawn = {rule.budget_id for rule in pack.rules} | {voucher.budget_id for voucher in pack.vouchers}
    drawn |= {one.budget_id for one in pack.organisations if one.budget_id is not None}
    for position, benefit in enumerate(pack.benefits):
        if benefit.budget_id in drawn:
            yield _contradiction(
                ("benefits", position, "budget_id"),
                "benefit {name} draws on budget {budget}, which pays for points or given vouchers too; "
                "give benefits a budget line of their own",
                name=benefit.benefit_id,
                budget=benefit.budget_id,
            )


def _contradiction(location: Location, sentence: str, **values: object) -> Finding:
    return finding(ReasonCode.RULES_CONTRADICT, "error", location, sentence, **values)
