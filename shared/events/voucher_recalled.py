"""`voucher.recalled`: what a voucher was given for stands no longer."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import FreeText, Identifier, UuidText


class VoucherRecalled(CausedEvent):
    """Redemption ends the voucher of that request, unless it was used before: what was bought with it stands."""

    TYPE: ClassVar[str] = "greenpoints.voucher.recalled.v1"
    TOPIC: ClassVar[str] = "points.grants.v1"

    request_id: UuidText
    refund_id: Identifier | None = None
    reason: FreeText
