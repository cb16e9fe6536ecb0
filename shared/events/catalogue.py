"""Every event type of the contract: full type name → model, in the order of topics.yaml."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from shared.events.activity_completed import ActivityCompleted
from shared.events.authorization_captured import AuthorizationCaptured
from shared.events.authorization_placed import AuthorizationPlaced
from shared.events.authorization_voided import AuthorizationVoided
from shared.events.benefit_restored import BenefitRestored
from shared.events.benefit_used import BenefitUsed
from shared.events.birthday_reached import BirthdayReached
from shared.events.contact_updated import ContactUpdated
from shared.events.correction_requested import CorrectionRequested
from shared.events.event import EventData
from shared.events.hold_confirmed import HoldConfirmed
from shared.events.hold_placed import HoldPlaced
from shared.events.hold_released import HoldReleased
from shared.events.member_closed import MemberClosed
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.events.message_failed import MessageFailed
from shared.events.message_sent import MessageSent
from shared.events.message_suppressed import MessageSuppressed
from shared.events.order_cancelled import OrderCancelled
from shared.events.order_exchanged import OrderExchanged
from shared.events.order_fulfilled import OrderFulfilled
from shared.events.order_placed import OrderPlaced
from shared.events.order_returned import OrderReturned
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_corrected import PointsCorrected
from shared.events.points_debited import PointsDebited
from shared.events.points_declined import PointsDeclined
from shared.events.points_expired import PointsExpired
from shared.events.points_expiring_soon import PointsExpiringSoon
from shared.events.points_extended import PointsExtended
from shared.events.points_forfeited import PointsForfeited
from shared.events.points_granted import PointsGranted
from shared.events.points_held import PointsHeld
from shared.events.points_matured import PointsMatured
from shared.events.points_redeemed import PointsRedeemed
from shared.events.points_released import PointsReleased
from shared.events.points_restored import PointsRestored
from shared.events.points_scheduled import PointsScheduled
from shared.events.points_set_off import PointsSetOff
from shared.events.points_taken_back import PointsTakenBack
from shared.events.points_tender_refunded import PointsTenderRefunded
from shared.events.program_published import ProgramPublished
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_delivered import PurchaseDelivered
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.recycling_collected import RecyclingCollected
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted
from shared.events.referral_qualified import ReferralQualified
from shared.events.referral_reversed import ReferralReversed
from shared.events.signal_raised import SignalRaised
from shared.events.tier_changed import TierChanged
from shared.events.tier_due import TierDue
from shared.events.tier_floor_requested import TierFloorRequested
from shared.events.voucher_ended import VoucherEnded
from shared.events.voucher_issued import VoucherIssued
from shared.events.voucher_recalled import VoucherRecalled
from shared.events.voucher_requested import VoucherRequested
from shared.events.voucher_restored import VoucherRestored
from shared.events.voucher_used import VoucherUsed

_MODELS: Final[tuple[type[EventData], ...]] = (
    PurchaseCompleted,
    PurchaseRefunded,
    PurchaseDelivered,
    RecyclingCollected,
    RecyclingRejected,
    ReferralAccepted,
    ActivityCompleted,
    MemberRegistered,
    MemberUpdated,
    MemberClosed,
    ContactUpdated,
    ProgramPublished,
    ReferralQualified,
    ReferralReversed,
    BirthdayReached,
    TierDue,
    TierFloorRequested,
    CorrectionRequested,
    PointsGranted,
    PointsDeclined,
    PointsClawedBack,
    PointsScheduled,
    PointsTenderRefunded,
    PointsCorrected,
    VoucherRequested,
    VoucherRecalled,
    PointsMatured,
    PointsRedeemed,
    PointsRestored,
    PointsExpired,
    PointsHeld,
    PointsReleased,
    PointsForfeited,
    PointsExpiringSoon,
    PointsExtended,
    PointsTakenBack,
    PointsDebited,
    PointsSetOff,
    TierChanged,
    OrderPlaced,
    OrderFulfilled,
    OrderCancelled,
    OrderReturned,
    OrderExchanged,
    AuthorizationPlaced,
    AuthorizationCaptured,
    AuthorizationVoided,
    VoucherIssued,
    VoucherUsed,
    VoucherRestored,
    VoucherEnded,
    BenefitUsed,
    BenefitRestored,
    SignalRaised,
    HoldPlaced,
    HoldReleased,
    HoldConfirmed,
    MessageSent,
    MessageFailed,
    MessageSuppressed,
)

EVENT_TYPES: Final[Mapping[str, type[EventData]]] = MappingProxyType({model.TYPE: model for model in _MODELS})
