"""What a changed rule means to members where rules work together: a stop, a lowering factor, the newest multiplier."""

from dataclasses import replace
from datetime import date

from shared.programs.changes.change import Change, Verdict
from shared.programs.days import Period
from shared.programs.over import dates_of, effective_on, rule_is_over
from shared.programs.pack import ProgramPack
from shared.programs.rules import MultiplierRule, ReceiptRule, Rule


def judge_rule(change: Change, old: Rule, new: Rule, before: ProgramPack, after: ProgramPack) -> Change:
    """A rule that reaches further is better only if it takes nothing from the others."""
    if change.path[-1] == "budget_id":
        return replace(change, verdict="neutral" if _budget_lasts(old, new, before, after) else "undecided")
    if rule_is_over(old, after) or not old.enabled:
        return replace(change, verdict=judge_rule_gained(new, after))
    if "unless" in change.path[:-1]:
        return replace(change, verdict="undecided")
    if change.path[-2:] == ("when", "dates"):
        change = replace(change, verdict=_judge_dates(old, new, after))
    if change.verdict == "better" and "stop" not in change.path and (_may_take(old, after) or _may_take(new, after)):
        return replace(change, verdict="undecided")
    return change


def judge_rule_gained(rule: Rule, pack: ProgramPack) -> Verdict:
    """Adding is never adverse (C21), unless what is added takes from others."""
    return "undecided" if rule.enabled and _may_take(rule, pack) else "better"


def judge_rule_gone(rule: Rule, pack: ProgramPack) -> Verdict:
    """A rule that gave nothing any more is not missed; one that only took something from others is."""
    if not rule.enabled or rule_is_over(rule, pack):
        return "neutral"
    return "worse"


def _judge_dates(old: Rule, new: Rule, pack: ProgramPack) -> Verdict:
    """Better if every day that was still to come is named by the new dates as well."""
    before, after = (dates_of(rule) for rule in (old, new))
    if after is None or before is None:
        return "better" if after is None else "worse"
    first = effective_on(pack)
    return (
        "better" if all(_covered(max(one.from_, first), one.to, after) for one in before if one.to > first) else "worse"
    )


def _covered(first: date, end: date, periods: tuple[Period, ...]) -> bool:
    """Whether these periods together name every day from `first` up to, not with, `end`."""
    for period in sorted(periods, key=lambda one: one.from_):
        if period.from_ <= first < period.to:
            first = period.to
    return first >= end


def _may_take(rule: Rule, pack: ProgramPack) -> bool:
    """Whether this rule may lessen what others give."""
    if not isinstance(rule, ReceiptRule):
        return False
    if rule.stop:
        return True
    if not isinstance(rule, MultiplierRule):
        return False
    combine = pack.combine_multipliers
    capped_best = combine == "best" and bool(rule.caps)  # it wins by its factor, however little its caps leave of it
    return rule.factor.numerator < rule.factor.denominator or combine == "newest" or capped_best


def _budget_lasts(old: Rule, new: Rule, before: ProgramPack, after: ProgramPack) -> bool:
    """Whether the new budget line pays on every day, from now on, on which the old one would have paid."""
    periods = {budget.budget_id: budget.period for pack in (before, after) for budget in pack.budgets}
    paid, pays = periods[old.budget_id], periods[new.budget_id]
    first = effective_on(after)
    return pays.to >= paid.to and pays.from_ <= max(paid.from_, first)
