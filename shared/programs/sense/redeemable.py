"""Whether points can buy anything: something that is offered, in stock, and not dearer than all points together."""

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, finding
from shared.programs.over import reward_is_over
from shared.programs.pack import ProgramPack
from shared.programs.rewards import Reward


def check(pack: ProgramPack, _previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    if pack.point_payment is not None or pack.offset_days:
        return ()
    offered = [reward for reward in pack.rewards if _offered(pack, reward)]
    if not offered:
        return (
            finding(
                ReasonCode.POINTS_NOT_REDEEMABLE,
                "warning",
                ("rewards",),
                "nothing can be had for points: no reward is offered and no bill can be paid with points; add one",
            ),
        )
    cheapest = min(price.points for reward in offered for price in (reward.price, *reward.special_prices))
    most = _most_points(pack)
    if cheapest > most:
        return (
            finding(
                ReasonCode.POINTS_NOT_REDEEMABLE,
                "warning",
                ("rewards",),
                "nobody can ever afford a reward: the cheapest costs {cheapest} points, and the budgets pay for "
                "{most} in all; lower a price or approve more",
                cheapest=cheapest,
                most=most,
            ),
        )
    return ()


def _offered(pack: ProgramPack, reward: Reward) -> bool:
    sold_out = any(stock.units == 0 and stock.period is None for stock in reward.stock)
    return reward.enabled and not reward_is_over(reward, pack) and not sold_out


def _most_points(pack: ProgramPack) -> int:
    """All points that the approved budgets can pay for; a point that costs nothing has no end."""
    used = {rule.budget_id for rule in pack.rules if rule.enabled}
    total = 0
    for budget in pack.budgets:
        if budget.budget_id in used:
            if budget.cost_per_point.minor == 0:
                return 2**63
            total += budget.approved_minor * budget.cost_per_point.points // budget.cost_per_point.minor
    return total
