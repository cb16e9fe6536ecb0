"""Notification's whole wiring: what it consumes, what it serves, what runs beside.

In:  points.grants.v1, points.wallets.v1   granted, matured, clawed back, held, released, lost, expiring: the member
                                            is told
     fraud.holds.v1                         the words of a hold
     members.profiles.v1                    language and consents
     members.contacts.v1                    addresses, read by this service alone; a record without value erases
     members.referrals.v1                   a welcome to the invitee, where marketing is consented to
     redemption.orders.v1                   what became of an order, and vouchers issued, never their codes
     members.activities.v1, members.tiers.v1   counted as ignored: nothing to tell yet
Out: notifications.deliveries.v1            message.sent, message.failed, message.suppressed
SMTP: one e-mail per notice. HTTP: the in-app inbox as JSON and as a page, and the message log (api.py, page.py)
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from fastapi import APIRouter

from services.notification.api import inbox_routes, log_routes
from services.notification.close_notices import closing_sweeper
from services.notification.desk import NotificationDesk, Windows
from services.notification.handlers.on_contact_erased import on_contact_erased
from services.notification.handlers.on_contact_updated import on_contact_updated
from services.notification.handlers.on_hold_confirmed import on_hold_confirmed
from services.notification.handlers.on_hold_placed import on_hold_placed
from services.notification.handlers.on_hold_released import on_hold_released
from services.notification.handlers.on_member_registered import on_member_registered
from services.notification.handlers.on_member_updated import on_member_updated
from services.notification.handlers.on_order_cancelled import on_order_cancelled
from services.notification.handlers.on_order_exchanged import on_order_exchanged
from services.notification.handlers.on_order_fulfilled import on_order_fulfilled
from services.notification.handlers.on_order_placed import on_order_placed
from services.notification.handlers.on_order_returned import on_order_returned
from services.notification.handlers.on_points_clawed_back import on_points_clawed_back
from services.notification.handlers.on_points_corrected import on_points_corrected
from services.notification.handlers.on_points_debited import on_points_debited
from services.notification.handlers.on_points_expiring_soon import on_points_expiring_soon
from services.notification.handlers.on_points_forfeited import on_points_forfeited
from services.notification.handlers.on_points_granted import on_points_granted
from services.notification.handlers.on_points_held import on_points_held
from services.notification.handlers.on_points_matured import on_points_matured
from services.notification.handlers.on_points_released import on_points_released
from services.notification.handlers.on_referral_accepted import on_referral_accepted
from services.notification.handlers.on_voucher_issued import on_voucher_issued
from services.notification.page import page_routes
from services.notification.send_emails import EmailSender, erase_letters
from services.notification.settings import NotificationSettings
from services.notification.store.books import NoticeBooks
from shared.events.contact_updated import ContactUpdated
from shared.events.hold_confirmed import HoldConfirmed
from shared.events.hold_placed import HoldPlaced
from shared.events.hold_released import HoldReleased
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
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
from shared.runtime.service import Running, Service, Timer


def notification(settings: NotificationSettings) -> Service[NotificationDesk]:
    """The service; without a mail server nothing is queued for one."""
    sender = EmailSender(settings)
    news = timedelta(hours=settings.give_up_hours)
    sweepers: list[Timer] = [closing_sweeper(email_on=settings.email_on, news=news), erase_letters, sender.tell_lost]
    if settings.email_on:
        sweepers.append(sender.send_due)

    def routes(running: Running) -> Sequence[APIRouter]:
        return [inbox_routes(running, settings), log_routes(running), page_routes(running)]

    return Service(
        name="notification",
        migrations=Path(__file__).parent / "migrations",
        topics=(
            # who a member is comes first within a round of reading, then what is told
            "members.profiles.v1",
            "members.contacts.v1",
            "fraud.holds.v1",
            "points.grants.v1",
            "points.wallets.v1",
            "members.referrals.v1",
            "members.activities.v1",
            "members.tiers.v1",
            "redemption.orders.v1",
        ),
        handlers={
            MemberRegistered: on_member_registered,
            MemberUpdated: on_member_updated,
            ContactUpdated: on_contact_updated,
            HoldPlaced: on_hold_placed,
            HoldReleased: on_hold_released,
            HoldConfirmed: on_hold_confirmed,
            PointsGranted: on_points_granted,
            PointsCorrected: on_points_corrected,
            PointsClawedBack: on_points_clawed_back,
            PointsMatured: on_points_matured,
            PointsHeld: on_points_held,
            PointsReleased: on_points_released,
            PointsForfeited: on_points_forfeited,
            PointsDebited: on_points_debited,
            PointsExpiringSoon: on_points_expiring_soon,
            OrderPlaced: on_order_placed,
            OrderFulfilled: on_order_fulfilled,
            OrderCancelled: on_order_cancelled,
            OrderReturned: on_order_returned,
            OrderExchanged: on_order_exchanged,
            VoucherIssued: on_voucher_issued,
            ReferralAccepted: on_referral_accepted,
        },
        on_erased=on_contact_erased,
        books=NoticeBooks(
            Windows(timedelta(seconds=settings.digest_seconds), timedelta(seconds=settings.notice_seconds)),
            settings.quiet_seconds,
        ),
        routers=routes,
        sweepers=sweepers,
    )
