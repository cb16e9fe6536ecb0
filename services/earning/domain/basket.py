"""A receipt as its rules see it: which money counts, and which pieces are still there."""

from collections.abc import Sequence

import msgspec

from services.earning.domain.returned import Returned
from shared.events.purchase_completed import PurchaseCompleted


class Basket(msgspec.Struct, frozen=True, gc=False):
    """`bases`: minor units per line in the receipt's order, and one more for the shipping where it earns."""

    purchase: PurchaseCompleted
    bases: Sequence[int]
    returned: Returned

    def units(self, position: int) -> int:
        """Pieces of a line that have not come back; shipping is one piece."""
        if position == len(self.purchase.lines):
            return 1
        line = self.purchase.lines[position]
        back = self.returned.lines.get(line.line_id)
        return line.quantity if back is None else max(0, line.quantity - back.quantity)

    def pieces(self) -> Sequence[int]:
        """The same of every line and of the shipping, in order."""
        if self.returned.lines:
            return [self.units(position) for position in range(len(self.bases))]
        pieces = [line.quantity for line in self.purchase.lines]
        return pieces if len(pieces) == len(self.bases) else [*pieces, 1]

    def stands(self, own: Sequence[int]) -> bool:
        """Whether a line among `own` still earns and is still there: a fixed bonus needs one (C02, C03)."""
        if not self.returned.lines:
            return any(own)
        return any(basis and self.units(position) for position, basis in enumerate(own))


def shipping_line_id(purchase: PurchaseCompleted) -> str:
    """How awards name the shipping: a word that is no line of the receipt."""
    name, taken = "shipping", {line.line_id for line in purchase.lines}
    while name in taken:
        name += "+"
    return name
