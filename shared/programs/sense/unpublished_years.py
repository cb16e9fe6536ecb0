"""Rules that ask for statutory days of a year whose notice is not known: their receipts would wait as dead letters."""

from shared.calendar.chinese import calendar_with
from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext, judged_on
from shared.programs.findings import Finding, finding
from shared.programs.pack import ProgramPack
from shared.programs.rules import Occasion, OccasionRule, ReceiptRule, Rule


def check(pack: ProgramPack, _previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    """A warning for the running year and the next, as far as no published notice covers them."""
    published = calendar_with(pack.calendar.overrides()).published_years
    year = judged_on(pack, context).year
    return tuple(
        finding(
            ReasonCode.CALENDAR_YEAR_UNPUBLISHED,
            "warning",
            ("rules", position),
            "rule {name} asks for statutory days, and those of {year} are not known: events of that year will wait as "
            "dead letters until the notice is under calendar",
            name=rule.rule_id,
            year=unknown,
        )
        for position, rule in enumerate(pack.rules)
        if rule.enabled and _asks(rule)
        for unknown in (year, year + 1)
        if unknown not in published
    )


def _asks(rule: Rule) -> bool:
    return isinstance(rule, ReceiptRule | OccasionRule) and any(
        when is not None and _statutory(when) for when in (rule.when, rule.unless)
    )


def _statutory(when: Occasion) -> bool:
    return when.statutory is not None or when.holidays is not None
