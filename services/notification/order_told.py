"""The rewards of an order's lines, as a message names them."""

from collections.abc import Iterable

from services.notification.domain.details import RewardTold
from shared.events.order_fulfilled import FulfilledLine
from shared.events.order_placed import OrderLine


def rewards_told(lines: Iterable[OrderLine | FulfilledLine]) -> tuple[RewardTold, ...]:
    """In the order's order; a line handed over says nothing of its slot."""
    return tuple(
        RewardTold(line.reward_id, line.quantity, line.slot if isinstance(line, OrderLine) else None) for line in lines
    )
