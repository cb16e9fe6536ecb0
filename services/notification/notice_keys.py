"""Which notice an event belongs to: whom it tells, by which template, and what its causes have in common."""

from collections.abc import Callable, Mapping
from typing import Any

from services.notification.domain.notice import NoticeKey
from services.notification.domain.template import Template
from shared.events.event import EventData
from shared.events.order_cancelled import OrderCancelled
from shared.events.order_exchanged import OrderExchanged
from shared.events.order_fulfilled import OrderFulfilled
from shared.events.order_placed import OrderPlaced
from shared.events.order_returned import OrderReturned
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_corrected import PointsCorrected
from shared.events.points_debited import PointsDebited
from shared.events.points_expiring_soon import PointsExpiringSoon
from shared.events.points_forfeited import PointsForfeited
from shared.events.points_granted import PointsGranted
from shared.events.points_held import PointsHeld
from shared.events.points_matured import PointsMatured
from shared.events.points_released import PointsReleased
from shared.events.referral_accepted import ReferralAccepted
from shared.events.voucher_issued import VoucherIssued

_KEYS: Mapping[str, Callable[[Any], NoticeKey]] = {
    PointsGranted.TYPE: lambda told: _of(told, Template.POINTS_GRANTED),
    PointsCorrected.TYPE: lambda told: _of(told, Template.POINTS_GRANTED),
    PointsMatured.TYPE: lambda told: _of(told, Template.POINTS_MATURED),
    PointsClawedBack.TYPE: lambda told: _of(told, Template.POINTS_CLAWED_BACK, told.refund_id),
    PointsHeld.TYPE: lambda told: _of(told, Template.POINTS_HELD, told.hold_id),
    PointsReleased.TYPE: lambda told: _of(told, Template.POINTS_RELEASED, told.hold_id),
    PointsForfeited.TYPE: lambda told: _of(told, Template.POINTS_FORFEITED, told.hold_id or ""),
    PointsDebited.TYPE: lambda told: _of(told, Template.POINTS_FORFEITED, told.debit_id),
    PointsExpiringSoon.TYPE: lambda told: _of(told, Template.POINTS_EXPIRING, _one_notice(told)),
    OrderPlaced.TYPE: lambda told: _of(told, Template.ORDER_PLACED, told.order_id),
    OrderFulfilled.TYPE: lambda told: _of(told, Template.ORDER_FULFILLED, told.order_id),
    OrderCancelled.TYPE: lambda told: _of(told, Template.ORDER_CANCELLED, told.order_id),
    OrderReturned.TYPE: lambda told: _of(told, Template.ORDER_RETURNED, told.order_id),
    OrderExchanged.TYPE: lambda told: _of(told, Template.ORDER_EXCHANGED, told.order_id),
    VoucherIssued.TYPE: lambda told: _of(told, Template.VOUCHER_ISSUED, told.order_id or told.voucher_id),
    ReferralAccepted.TYPE: lambda told: NoticeKey(told.program_id, told.invitee_id, Template.REFERRAL_WELCOME, ""),
}


def notice_key(data: EventData) -> NoticeKey | None:
    """None for an event that nobody is told of."""
    key = _KEYS.get(data.TYPE)
    return None if key is None else key(data)


def _of(told: Any, template: Template, group: str = "") -> NoticeKey:
    return NoticeKey(told.program_id, told.member_id, template, group)


def _one_notice(soon: PointsExpiringSoon) -> str:
    """A lot is warned once per date and notice, so its first lot tells one such event from every other."""
    return f"{soon.expires_at.isoformat()}/{soon.days}/{soon.lot_ids[0]}"
