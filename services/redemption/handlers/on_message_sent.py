"""message.sent: a member was told; where of points that will expire, they may expire now (C20)."""

from uuid import UUID

from services.redemption.desk import GivenNotice, RedemptionDesk
from services.redemption.domain.expiry import EXPIRY_TEMPLATE
from services.redemption.told.expiry import notice_of
from shared.events.message_sent import MessageSent
from shared.runtime.batch import Delivered, Fate


def on_message_sent(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Record that the notice was given, by whichever channel came first; other messages are counted as ignored.

    The time is Kafka's of the message's record: neither a clock of ours, nor the window's in which it was due.
    """
    told = delivered.required_event.data
    assert isinstance(told, MessageSent)  # noqa: S101 - the runtime chooses the handler by this type
    notice_id = notice_of(told.causation_id) if told.template == EXPIRY_TEMPLATE else None
    if notice_id is None:
        return Fate.IGNORED
    desk.given.append(GivenNotice(notice_id, UUID(told.message_id), delivered.arrival))
    return Fate.APPLIED
