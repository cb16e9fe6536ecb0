"""`tier.changed`: a member rose or fell to another tier, or keeps the one it has for another validity."""

from typing import ClassVar, Literal

from shared.events.event import CausedEvent
from shared.events.fields import Count, Identifier, Timestamp


class TierChanged(CausedEvent):
    """The tier from `effective_at` on, the counter that decided, and until when it is kept."""

    TYPE: ClassVar[str] = "greenpoints.tier.changed.v1"
    TOPIC: ClassVar[str] = "members.tiers.v1"

    tier_before: Identifier | None = None
    tier_after: Identifier | None = None
    direction: Literal["up", "down", "kept"]
    reason: Identifier
    counter: Count
    effective_at: Timestamp
    valid_until: Timestamp | None = None
