"""What one claim of a reward is worth to a member, in minor units: exact, never less than the reward itself says."""

from fractions import Fraction

from shared.programs.draws import Draw
from shared.programs.rewards import EventEntry, Reward, VoucherAmount, VoucherPercent, VoucherThreshold


def worth_of_claim(reward: Reward) -> Fraction:
    """Market value of the claim's units; a voucher counts at least its amount, a draw at least its prizes' mean."""
    worth = Fraction(reward.market_value_minor)
    if isinstance(reward, VoucherAmount | VoucherThreshold):
        worth = max(worth, Fraction(reward.amount_minor))
    elif isinstance(reward, VoucherPercent):
        worth = max(worth, Fraction(reward.max_minor))
    elif isinstance(reward, EventEntry) and reward.draw is not None:
        worth = max(worth, expected_prize(reward.draw))
    return worth * reward.units_per_claim


def expected_prize(draw: Draw) -> Fraction:
    """All prizes over all entries, in minor units."""
    return Fraction(sum(prize.quantity * prize.value_minor for prize in draw.prizes), draw.entries)
