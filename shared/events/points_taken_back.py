"""`points.taken_back`: redemption's complete account of a claw-back (an addition to the contract)."""

from typing import ClassVar, Literal

from shared.events.event import CausedEvent, Part
from shared.events.fields import Identifier, Points, UuidText


class TakenFromLot(Part):
    """What one lot gave, and the state its points were in; `hold_id` names the hold that bound held ones."""

    lot_id: UuidText
    points: Points
    from_state: Literal["pending", "held", "available", "reserved", "expired", "forfeited"]
    hold_id: Identifier | None = None


class PointsTakenBack(CausedEvent):
    """What became of a claw-back of `points`, complete (C19).

    `already_gone` of them had expired or been forfeited and count as taken; `waived` were short under a policy
    that leaves no deficit; the rest of what no lot gave raised the deficit.
    """

    TYPE: ClassVar[str] = "greenpoints.points.taken_back.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    claw_back_id: Identifier
    grant_id: UuidText
    points: Points
    allocations: tuple[TakenFromLot, ...] = ()
    deficit_before: Points
    deficit_after: Points
    waived: Points = 0
    already_gone: Points = 0
