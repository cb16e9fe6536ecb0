"""`voucher.ended`: a voucher that was not used can be used no more."""

from typing import ClassVar, Literal

from shared.events.event import CausedEvent
from shared.events.fields import UuidText


class VoucherEnded(CausedEvent):
    """Its date passed, its order was returned, what it was given for was undone, or the account was closed."""

    TYPE: ClassVar[str] = "greenpoints.voucher.ended.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    voucher_id: UuidText
    reason: Literal["expired", "returned", "recalled", "member_closed"]
