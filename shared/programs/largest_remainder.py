"""Split a whole number over weights so that the parts always sum to it. Integers only."""

from collections.abc import Sequence
from typing import Final

_FEW: Final = 6


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Parts of `total` in proportion to `weights`; what flooring leaves goes to the largest remainders.

    Ties go to the earlier weight; a weight of 0 gets 0; no part is more than one above its exact share.
    Raises ValueError if total or a weight is negative, or if there is something to split over no weight.
    """
    lines = len(weights)
    if lines == 1 and total >= 0 and weights[0] > 0:
        return [total]
    if lines == 2:  # what flooring leaves is at most 1: rounding half up says who gets it
        one, other = weights
        if one >= 0 and other >= 0 and total >= 0 and (both := one + other):
            part = (2 * total * one + both) // (2 * both)
            return [part, total - part]
    whole = sum(weights)
    if total < 0 or (whole == 0 and total > 0) or (weights and min(weights) < 0):
        raise ValueError(f"cannot split {total} over weights that sum to {whole}")
    if total == 0:
        return [0] * lines
    parts: list[int] = []
    remainders: list[int] = []
    left = total
    for weight in weights:  # one pass: receipts are short
        share = total * weight
        part = share // whole
        parts.append(part)
        remainders.append(share - part * whole)
        left -= part
    if left < _FEW:  # as below, in a third of the time
        for _ in range(left):
            position = remainders.index(max(remainders))
            parts[position] += 1
            remainders[position] = -1
        return parts
    # Python's sort is stable, so equal remainders stay in line order.
    for position in sorted(range(lines), key=remainders.__getitem__, reverse=True)[:left]:
        parts[position] += 1
    return parts
