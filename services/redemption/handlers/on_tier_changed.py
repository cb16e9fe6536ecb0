"""tier.changed: earning says which tier a member has from an instant on; offers and prices go by it."""

from uuid import UUID

from services.redemption.desk import RedemptionDesk, ToldTier
from shared.events.cloudevent import Rejected, uuid_from
from shared.events.reason_codes import ReasonCode
from shared.events.tier_changed import TierChanged
from shared.runtime.batch import Delivered, Fate


def on_tier_changed(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Enter it in the member's history of tiers."""
    event = delivered.required_event
    assert isinstance(event.data, TierChanged)  # noqa: S101 - the runtime chooses the handler by this type
    desk.tiers.append(ToldTier(_id(event.id), event.data))
    return Fate.APPLIED


def _id(event_id: str) -> UUID:
    try:
        return uuid_from(event_id)
    except ValueError:
        raise Rejected(
            ReasonCode.MALFORMED, f"The tier.changed id {event_id} is no UUID; earning derives one from its cause."
        ) from None
