"""`referral.reversed`: the order that qualified a referral was fully refunded."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Identifier, Timestamp
from shared.events.points_granted import GrantSource


class ReferralReversed(CausedEvent):
    """`member_id` is the inviter; no later order of the invitee qualifies again."""

    TYPE: ClassVar[str] = "greenpoints.referral.reversed.v1"
    TOPIC: ClassVar[str] = "earning.effects.v1"

    invitee_id: Identifier
    source: GrantSource
    refund_id: Identifier
    reversed_at: Timestamp
