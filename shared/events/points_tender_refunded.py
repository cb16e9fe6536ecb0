"""`points.tender_refunded`: part of a bill paid with points was refunded."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Currency, Identifier, MinorUnits


class PointsTenderRefunded(CausedEvent):
    """`amount_minor` is what refunds gave back of the authorization's amount so far, cumulative.

    Redemption gives back floor(captured points × cumulative ÷ captured amount) less what it already gave.
    """

    TYPE: ClassVar[str] = "greenpoints.points.tender_refunded.v1"
    TOPIC: ClassVar[str] = "points.grants.v1"

    authorization_id: Identifier
    refund_id: Identifier
    amount_minor: MinorUnits
    currency: Currency
