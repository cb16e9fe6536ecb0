"""What of a receipt has been given back so far: goods by line, and the points and vouchers it was paid with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NONE: Mapping[str, "ReturnedLine"] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """Quantity and net (minor units) of one line given back by all refunds so far."""

    quantity: int
    net_minor: int


@dataclass(frozen=True, slots=True)
class Returned:
    """All refunds of one receipt, summed; tender money in minor units."""

    lines: Mapping[str, ReturnedLine] = field(default_factory=lambda: _NONE)
    points_minor: int = 0
    voucher_minor: int = 0

    def net_minor(self) -> int:
        """Goods money given back by all refunds so far."""
        return sum(line.net_minor for line in self.lines.values())

    def plus(self, lines: Iterable[tuple[str, int, int]], points_minor: int = 0, voucher_minor: int = 0) -> "Returned":
        """With one more refund: (line_id, quantity, net_minor) each, and tender money given back."""
        summed = dict(self.lines)
        for line_id, quantity, net_minor in lines:
            before = summed.get(line_id, ReturnedLine(0, 0))
            summed[line_id] = ReturnedLine(before.quantity + quantity, before.net_minor + net_minor)
        return Returned(summed, self.points_minor + points_minor, self.voucher_minor + voucher_minor)


NOTHING_RETURNED = Returned()


def tender_given_back(
    paid_minor: int, already_minor: int, stated_minor: int | None, refunded_net_minor: int, goods_net_minor: int
) -> int:
    """What this refund gives back of a points or voucher tender of `paid_minor` (points.md, Refunds).

    `stated_minor` is what the refund's own tenders say; None (it names no tenders) means in proportion to the
    goods money refunded, cumulative: `refunded_net_minor` of `goods_net_minor`, this refund included. Never
    more than was paid.
    """
    if stated_minor is not None:
        return min(stated_minor, paid_minor - already_minor)
    if goods_net_minor == 0:
        return 0
    due = paid_minor * min(refunded_net_minor, goods_net_minor) // goods_net_minor
    return max(0, due - already_minor)
