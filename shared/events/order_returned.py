"""`order.returned`: rewards came back (C17)."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent, Money
from shared.events.fields import FalseByDefault, FreeText, Identifier, Points, Sha256Hex, UuidText
from shared.events.order_fulfilled import FulfilledLine
from shared.events.order_placed import OrderLine


class OrderReturned(CausedEvent):
    """The lines returned; points went to the lots they came from, the money part back to the member.

    `settlement` is what is no longer owed to partners for these units.
    """

    TYPE: ClassVar[str] = "greenpoints.order.returned.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    order_id: UuidText
    return_id: UuidText
    restoration_id: UuidText | None = None
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=200)
    points: Points
    money: Money | None = None
    defect: FalseByDefault = False
    evidence_sha256: Sha256Hex | None = None
    reason: FreeText
    settlement: tuple[FulfilledLine, ...] = ()
    idempotency_key: Identifier | None = None
    body_hash: Identifier | None = None
