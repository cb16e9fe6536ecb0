"""Which of a drop's items a rejection takes out, and what is left of them."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.events.recycling_collected import RecyclingItem


class RejectedItem(NamedTuple):
    """So much of a material does not count: grams if it was `weighed`, else pieces."""

    material: str
    weighed: bool
    amount: int


def rejected_item(item: RecyclingItem) -> RejectedItem:
    return RejectedItem(item.material, item.grams is not None, amount_of(item))


def amount_of(item: RecyclingItem) -> int:
    """Its grams, or its pieces."""
    return item.grams if item.grams is not None else item.pieces or 0


def amounts_left(items: Sequence[RecyclingItem], rejected: Sequence[int]) -> list[int]:
    """What still counts of each item."""
    return [amount_of(item) - gone for item, gone in zip(items, rejected, strict=True)]


def reject(
    items: Sequence[RecyclingItem], rejected: Sequence[int], asked: Sequence[RejectedItem]
) -> tuple[list[int], bool]:
    """`rejected` after one more rejection, and whether it asked for more than was there.

    Each asked amount comes off the items of its material and measure in the drop's order, so that whatever the order
    of rejections, the same is left.
    """
    after = list(rejected)
    too_much = False
    for one in asked:
        open_amount = one.amount
        for place, item in enumerate(items):
            if item.material == one.material and (item.grams is not None) == one.weighed:
                taken = min(open_amount, amount_of(item) - after[place])
                after[place] += taken
                open_amount -= taken
        too_much |= open_amount > 0
    return after, too_much
