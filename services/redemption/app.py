"""Redemption's whole wiring: what it consumes, what it serves, what runs beside.

In:  points.grants.v1      one lot per grant or credit, its date, claw-backs, refunds of bills that points paid
     members.profiles.v1   a registered member has a wallet; who is listed; member.closed is its own word
     fraud.holds.v1        points held for review, released, or forfeited by a person
     members.tiers.v1      the tier of a member from an instant on
     notifications.deliveries.v1
                           which notices were given, for a lot expires only after them (C20)
Out: points.wallets.v1     points.matured, points.set_off, points.taken_back, points.redeemed,
                           points.held, points.released, points.forfeited, points.expiring_soon, points.expired
     redemption.orders.v1  order.*, authorization.*, voucher.*, benefit.*
HTTP: a member's wallet, catalogue, orders and vouchers; the till; statements, proofs, keys (api.py names each)
"""

from pathlib import Path

from services.redemption.api import routes
from services.redemption.desk import RedemptionDesk
from services.redemption.handlers.on_hold_confirmed import on_hold_confirmed
from services.redemption.handlers.on_hold_placed import on_hold_placed
from services.redemption.handlers.on_hold_released import on_hold_released
from services.redemption.handlers.on_member_closed import on_member_closed
from services.redemption.handlers.on_member_registered import on_member_registered
from services.redemption.handlers.on_member_updated import on_member_updated
from services.redemption.handlers.on_message_sent import on_message_sent
from services.redemption.handlers.on_points_clawed_back import on_points_clawed_back
from services.redemption.handlers.on_points_corrected import on_points_corrected
from services.redemption.handlers.on_points_declined import on_points_declined
from services.redemption.handlers.on_points_granted import on_points_granted
from services.redemption.handlers.on_points_scheduled import on_points_scheduled
from services.redemption.handlers.on_points_tender_refunded import on_points_tender_refunded
from services.redemption.handlers.on_tier_changed import on_tier_changed
from services.redemption.handlers.on_voucher_recalled import on_voucher_recalled
from services.redemption.handlers.on_voucher_requested import on_voucher_requested
from services.redemption.routes.prohibited import refuse_prohibited
from services.redemption.store.books import WalletBooks
from services.redemption.store.recall_profiles import recall_profiles
from services.redemption.sweepers.seal_journal import seal_journal
from services.redemption.sweepers.sweep_authorizations import sweep_authorizations
from services.redemption.sweepers.sweep_expiry import sweep_expiry
from services.redemption.sweepers.sweep_maturity import sweep_maturity
from services.redemption.sweepers.sweep_quotes import sweep_quotes
from services.redemption.sweepers.sweep_vouchers import sweep_vouchers
from shared.events.hold_confirmed import HoldConfirmed
from shared.events.hold_placed import HoldPlaced
from shared.events.hold_released import HoldReleased
from shared.events.member_closed import MemberClosed
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.events.message_sent import MessageSent
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_corrected import PointsCorrected
from shared.events.points_declined import PointsDeclined
from shared.events.points_granted import PointsGranted
from shared.events.points_scheduled import PointsScheduled
from shared.events.points_tender_refunded import PointsTenderRefunded
from shared.events.tier_changed import TierChanged
from shared.events.voucher_recalled import VoucherRecalled
from shared.events.voucher_requested import VoucherRequested
from shared.runtime.service import Service

SERVICE: Service[RedemptionDesk] = Service(
    name="redemption",
    migrations=Path(__file__).parent / "migrations",
    topics=(
        "points.grants.v1",
        "members.profiles.v1",
        "fraud.holds.v1",
        "members.tiers.v1",
        "notifications.deliveries.v1",
    ),
    handlers={
        PointsGranted: on_points_granted,
        PointsCorrected: on_points_corrected,
        PointsScheduled: on_points_scheduled,
        PointsClawedBack: on_points_clawed_back,
        PointsTenderRefunded: on_points_tender_refunded,
        PointsDeclined: on_points_declined,
        VoucherRequested: on_voucher_requested,
        VoucherRecalled: on_voucher_recalled,
        MemberRegistered: on_member_registered,
        MemberUpdated: on_member_updated,
        MemberClosed: on_member_closed,
        TierChanged: on_tier_changed,
        MessageSent: on_message_sent,
        HoldPlaced: on_hold_placed,
        HoldReleased: on_hold_released,
        HoldConfirmed: on_hold_confirmed,
    },
    books=WalletBooks(),
    on_read_again=recall_profiles,
    routers=routes,
    middleware=refuse_prohibited,
    sweepers=(
        sweep_maturity,
        sweep_expiry,
        sweep_authorizations,
        sweep_vouchers,
        sweep_quotes,
        seal_journal,
    ),
)
