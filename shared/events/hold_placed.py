"""`hold.placed`: points of a member must not be spent until a person has looked (C26)."""

from typing import ClassVar, Literal

from shared.events.event import CausedEvent
from shared.events.fields import FreeText, Identifier, Identifiers, Points, Timestamp


class HoldPlaced(CausedEvent):
    """A hold of a member, or of grants, with its deadline; `points` absent means all of them.

    A hold for a grant not yet known waits for it; scope `member` also binds what comes later.
    """

    TYPE: ClassVar[str] = "greenpoints.hold.placed.v1"
    TOPIC: ClassVar[str] = "fraud.holds.v1"

    hold_id: Identifier
    scope: Literal["member", "grants"]
    grant_ids: Identifiers = ()
    points: Points | None = None
    reason: FreeText
    deadline: Timestamp
    case_id: Identifier
