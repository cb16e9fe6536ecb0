"""What an adviser may put together for a member of the top tier: only what is published for that tier (C24, M47).

A plan names benefits and rewards and has no terms of its own, so no two members of a tier can have other ones.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from services.redemption.domain.catalogue import early_view_days
from services.redemption.domain.refused import RefusedError
from shared.events.reason_codes import ReasonCode
from shared.programs.benefits import AnyBenefit
from shared.programs.pack import ProgramPack
from shared.programs.rewards import AnyReward


def require_top_tier(pack: ProgramPack, tier: str | None) -> str:
    """The member's tier, which must be the pack's highest. Raises RefusedError NOT_ELIGIBLE."""
    top = pack.tiers.levels[-1].tier_id if pack.tiers is not None else None
    if tier is None or tier != top:
        raise RefusedError(
            ReasonCode.NOT_ELIGIBLE, f"Advisers compose plans for members of the top tier, {top or 'which is missing'}."
        )
    return tier


def require_published(pack: ProgramPack, tier: str, day: date, benefits: Sequence[str], rewards: Sequence[str]) -> None:
    """Every part of the plan is published for every member of the tier.

    Raises RefusedError PERSONALISED_PRICE_UNJUSTIFIED for the first that is not.
    """
    known_benefits = {each.benefit_id for each in benefits_for(pack, tier)}
    known_rewards = {each.reward_id for each in rewards_for(pack, tier, day)}
    for kind, names, known in (("benefit", benefits, known_benefits), ("reward", rewards, known_rewards)):
        for name in names:
            if name not in known:
                raise RefusedError(
                    ReasonCode.PERSONALISED_PRICE_UNJUSTIFIED,
                    f"Version {pack.version} publishes no {kind} {name} for tier {tier}; a plan holds only what every "
                    "member of the tier may have.",
                )


def benefits_for(pack: ProgramPack, tier: str) -> tuple[AnyBenefit, ...]:
    """Those of the tier, and the threshold gifts, which are for whoever has earned so much."""
    return tuple(
        each
        for each in pack.benefits
        if each.enabled and (each.lifetime_at_least is not None or (each.tiers is not None and tier in each.tiers))
    )


def rewards_for(pack: ProgramPack, tier: str, day: date) -> tuple[AnyReward, ...]:
    """Those that members of the tier can claim on `day`, or see already though they come later."""
    seen_until = day + timedelta(days=early_view_days(pack, tier))
    return tuple(
        each
        for each in pack.rewards
        if each.enabled
        and (each.available is None or (each.available.from_ <= seen_until and day < each.available.to))
        and (each.eligibility.tiers is None or tier in each.eligibility.tiers)
    )
