"""An order of rewards, and what may become of it (points.md, "Redemption"). Points are whole, money is minor units."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class OrderState(StrEnum):
    """`placed` while any line waits to be handed over; else `fulfilled` while the member keeps anything of it."""

    PLACED = "placed"
    FULFILLED = "fulfilled"
    RETURNED = "returned"
    EXCHANGED = "exchanged"
    CANCELLED = "cancelled"


class LineState(StrEnum):
    PLACED = "placed"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


class Booked(NamedTuple):
    """A line's date or slot; cancelled from `free_until` on, each claim costs up to `no_show_points`."""

    slot: str
    begins_at: datetime
    free_until: datetime
    no_show_points: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`quantity` units of a reward for `points` and `amount_minor`; the units come back one by one."""

    line_id: str
    reward_id: str
    kind: str
    quantity: int
    units_per_claim: int
    points: int
    amount_minor: int
    return_days: int
    exclusion_confirmed: bool = False
    booked: Booked | None = None
    state: LineState = LineState.PLACED
    fulfilled_at: datetime | None = None
    return_until: datetime | None = None
    returned: int = 0
    exchanged: int = 0

    @property
    def kept(self) -> int:
        """Units that did not come back."""
        return self.quantity - self.returned - self.exchanged

    @property
    def claims(self) -> int:
        """q units cost ⌈q/k⌉ claims."""
        return -(-self.quantity // self.units_per_claim)

    def worth(self, units: int) -> tuple[int, int]:
        """Points and money that come back with `units` more units.

        In proportion and cumulative, floored: all units together give back exactly what the line cost.
        """
        gone = self.quantity - self.kept
        return (
            self.points * (gone + units) // self.quantity - self.points * gone // self.quantity,
            self.amount_minor * (gone + units) // self.quantity - self.amount_minor * gone // self.quantity,
        )


@dataclass(frozen=True, slots=True)
class Order:
    """Its debit is the redemption `redemption_id`, which an order and those it was exchanged for share.

    `ordered_on` is the program's business day, `price_version` the version whose prices and terms hold.
    """

    order_id: UUID
    program_id: str
    member_id: str
    redemption_id: UUID
    currency: str
    price_version: int
    ordered_on: date
    placed_at: datetime
    lines: Mapping[str, OrderLine]
    exchanged_from: UUID | None = None
    quote_id: str | None = None
    recipient_ref: str | None = None

    @property
    def member(self) -> tuple[str, str]:
        return self.program_id, self.member_id

    @property
    def points(self) -> int:
        return sum(line.points for line in self.lines.values())

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines.values())

    @property
    def state(self) -> OrderState:
        lines = self.lines.values()
        if any(line.state is LineState.PLACED for line in lines):
            return OrderState.PLACED
        handed_over = [line for line in lines if line.state is LineState.FULFILLED]
        if any(line.kept for line in handed_over):
            return OrderState.FULFILLED
        if any(line.returned for line in handed_over):
            return OrderState.RETURNED
        return OrderState.EXCHANGED if handed_over else OrderState.CANCELLED

    def with_lines(self, *changed: OrderLine) -> "Order":
        return replace(self, lines={**self.lines, **{line.line_id: line for line in changed}})


class LineChange(NamedTuple):
    """What one step did to a line: `points` and `amount_minor` go back, `points_kept` do not."""

    line: OrderLine
    quantity: int
    points: int = 0
    points_kept: int = 0
    amount_minor: int = 0


@dataclass(frozen=True, slots=True)
class OrderChange:
    """One step of an order; `order` is it afterwards. No lines: nothing was left to do."""

    order: Order
    lines: tuple[LineChange, ...]

    @property
    def points(self) -> int:
        return sum(line.points for line in self.lines)

    @property
    def points_kept(self) -> int:
        return sum(line.points_kept for line in self.lines)

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)
