"""What of a receipt has been given back so far: goods by line, and the points and vouchers it was paid with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.largest_remainder import largest_remainder

_NONE: Mapping[str, "ReturnedLine"] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """Quantity and net (minor units) of one line given back by all refunds so far."""

    quantity: int
    net_minor: int


_NOTHING = ReturnedLine(0, 0)


@dataclass(frozen=True, slots=True)
class Returned:
    """All refunds of one receipt, summed; tender money in minor units."""

    lines: Mapping[str, ReturnedLine] = field(default_factory=lambda: _NONE)
    points_minor: int = 0
    voucher_minor: int = 0

    def is_all_of(self, purchase: PurchaseCompleted) -> bool:
        """Of every line bought, all pieces came back, or all its money; never so while nothing came back."""
        if not self.lines:
            return False
        for line in purchase.lines:
            back = self.lines.get(line.line_id, _NOTHING)
            if line.quantity > 0 and back.quantity < line.quantity and back.net_minor < line.net_minor:
                return False
        return True

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


@dataclass(frozen=True, slots=True)
class PaidTender:
    """Points or a voucher that paid a part of the receipt, in minor units of money.

    `stated_minor` is what the refund at hand says of it; None (it names no tenders) means in proportion.
    """

    paid_minor: int
    already_minor: int
    stated_minor: int | None

    @property
    def left_minor(self) -> int:
        return self.paid_minor - self.already_minor


def tenders_given_back(tenders: Sequence[PaidTender], refunded_net_minor: int, goods_net_minor: int) -> tuple[int, ...]:
    """What this refund gives back of each tender (points.md, Refunds), never more than was paid with it.

    In proportion means to the goods money refunded, cumulative: `refunded_net_minor` of `goods_net_minor`, this
    refund included, all such tenders together. Each floored by itself they would step at once, what is judged would
    rise by a minor unit here and there, and what is taken would depend on the order of refunds.
    """
    proportional = [tender for tender in tenders if tender.stated_minor is None]
    step = 0
    if goods_net_minor:
        paid = sum(tender.paid_minor for tender in proportional)
        due = paid * min(refunded_net_minor, goods_net_minor) // goods_net_minor
        step = max(0, due - sum(tender.already_minor for tender in proportional))
    parts = iter(largest_remainder(step, [tender.left_minor for tender in proportional]))
    return tuple(
        next(parts) if tender.stated_minor is None else min(tender.stated_minor, tender.left_minor)
        for tender in tenders
    )
