"""What points cost their budget, in minor units (points.md, Earning: cost per point is a fraction)."""


def award_cost(points: int, cost_minor: int, cost_points: int) -> int:
    """Expected cost of an award of `points` where `cost_points` points cost `cost_minor`; rounded up once."""
    return -(-points * cost_minor // cost_points)


def cost_given_back(cost: int, points: int, left_before: int, leaving: int) -> int:
    """The part of a grant's `cost` that goes with `leaving` of its `points` after `left_before` have left.

    Cumulative, so that however the points leave, the parts sum to the cost and the last takes what remains.
    Raises ValueError if more points leave than there are.
    """
    left_after = left_before + leaving
    if left_before < 0 or leaving < 0 or left_after > points:
        raise ValueError(f"{leaving} of {points} points cannot leave after {left_before} have left")
    if leaving == 0:
        return 0
    return cost * left_after // points - cost * left_before // points
