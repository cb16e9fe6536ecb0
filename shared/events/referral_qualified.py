"""`referral.qualified`: an invitee's first order earned; the inviter's reward is due (C10)."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Identifier, Timestamp
from shared.events.points_granted import GrantSource


class ReferralQualified(CausedEvent):
    """`member_id` is the inviter; `source` is the invitee's event that qualified at `qualified_at`."""

    TYPE: ClassVar[str] = "greenpoints.referral.qualified.v1"
    TOPIC: ClassVar[str] = "earning.effects.v1"

    invitee_id: Identifier
    source: GrantSource
    qualified_at: Timestamp
