"""Standing rights: who has them, how often in a period, and what a use costs. They burn no points (M27, M29)."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal, NamedTuple

from services.redemption.domain.refused import RefusedError
from services.redemption.domain.voucher import BillLine, percent_off
from shared.events.reason_codes import ReasonCode
from shared.programs.benefits import AnyBenefit, ServiceBenefit
from shared.programs.pack import ProgramPack


class Holder(NamedTuple):
    """What of a member a right depends on: the tier held now, and points earned in all."""

    tier: str | None
    lifetime: int


def is_entitled(benefit: AnyBenefit, holder: Holder) -> bool:
    """Members of its tiers have it, and members who have earned its threshold."""
    by_tier = benefit.tiers is not None and holder.tier in benefit.tiers
    return by_tier or (benefit.lifetime_at_least is not None and holder.lifetime >= benefit.lifetime_at_least)


def period_of(per: Literal["month", "year", "lifetime"], day: date) -> str:
    """The name of the period in which `day`, a business day of the program, is counted."""
    match per:
        case "month":
            return f"{day:%Y-%m}"
        case "year":
            return f"{day:%Y}"
    return "lifetime"


def next_place(benefit: AnyBenefit, taken: Iterable[int]) -> int:
    """The first free of the period's places, from 1; an undone use leaves its place free.

    Raises RefusedError LIMIT_REACHED.
    """
    used = frozenset(taken)
    place = next((place for place in range(1, benefit.times + 1) if place not in used), None)
    if place is None:
        raise RefusedError(
            ReasonCode.LIMIT_REACHED,
            f"Benefit {benefit.benefit_id} may be had {benefit.times} times per {benefit.per}; all of them were used.",
            left=0,
        )
    return place


def cost_of(benefit: AnyBenefit, lines: Sequence[BillLine]) -> int:
    """What a use on this bill costs the budget, in minor units: a percentage that much off the lines it names.

    Raises RefusedError VOUCHER_NOT_APPLICABLE where a percentage finds nothing to take off.
    """
    if isinstance(benefit, ServiceBenefit):
        return benefit.market_value_minor
    cost = percent_off(benefit, lines)
    if not cost:
        raise RefusedError(
            ReasonCode.VOUCHER_NOT_APPLICABLE, f"No line of this bill is one that benefit {benefit.benefit_id} is for."
        )
    return cost


def require_open_to(benefit: AnyBenefit, pack: ProgramPack, holder: Holder, merchant_id: str, day: date) -> None:
    """The member has the right, here, and its budget's period has begun and not ended. Raises RefusedError."""
    if not is_entitled(benefit, holder):
        raise RefusedError(ReasonCode.NOT_ELIGIBLE, f"Benefit {benefit.benefit_id} is for {for_whom(benefit)}.")
    if pack.merchants and merchant_id not in pack.merchants:
        raise RefusedError(
            ReasonCode.VOUCHER_NOT_APPLICABLE, f"Merchant {merchant_id} is none of this program's merchants."
        )
    budget = next(each for each in pack.budgets if each.budget_id == benefit.budget_id)
    if not budget.period.from_ <= day < budget.period.to:
        raise RefusedError(
            ReasonCode.BUDGET_EXHAUSTED,
            f"Budget {budget.budget_id}, which pays benefit {benefit.benefit_id}, pays nothing on {day}.",
        )


def for_whom(benefit: AnyBenefit) -> str:
    """In words of a refusal."""
    ways = []
    if benefit.tiers is not None:
        ways.append(f"members of {', '.join(benefit.tiers)}")
    if benefit.lifetime_at_least is not None:
        ways.append(f"members who have earned {benefit.lifetime_at_least} points")
    return " or ".join(ways)
