"""Redemption's whole wiring: what it consumes, what it serves, what runs beside.

In:  points.grants.v1      one lot per grant or credit, its date, claw-backs; the other types are counted as ignored
     members.profiles.v1   a registered member has a wallet; the other types are counted as ignored
     fraud.holds.v1        points held for review, released, or forfeited by a person
     members.tiers.v1, notifications.deliveries.v1
                           read and counted as ignored, so that their places are known when they begin to matter:
                           tiers to eligibility, deliveries to the notices that a lot needs before it expires (C20)
Out: points.wallets.v1     points.matured, points.set_off, points.taken_back, points.redeemed,
                           points.held, points.released, points.forfeited
HTTP: balance, journal, lots, holds, redemptions and their look-through (api.py)
"""

from pathlib import Path

from services.redemption.api import routes
from services.redemption.desk import RedemptionDesk
from services.redemption.handlers.on_hold_confirmed import on_hold_confirmed
from services.redemption.handlers.on_hold_placed import on_hold_placed
from services.redemption.handlers.on_hold_released import on_hold_released
from services.redemption.handlers.on_member_registered import on_member_registered
from services.redemption.handlers.on_points_clawed_back import on_points_clawed_back
from services.redemption.handlers.on_points_corrected import on_points_corrected
from services.redemption.handlers.on_points_declined import on_points_declined
from services.redemption.handlers.on_points_granted import on_points_granted
from services.redemption.handlers.on_points_scheduled import on_points_scheduled
from services.redemption.store.books import WalletBooks
from services.redemption.sweep_maturity import sweep_maturity
from shared.events.hold_confirmed import HoldConfirmed
from shared.events.hold_placed import HoldPlaced
from shared.events.hold_released import HoldReleased
from shared.events.member_registered import MemberRegistered
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_corrected import PointsCorrected
from shared.events.points_declined import PointsDeclined
from shared.events.points_granted import PointsGranted
from shared.events.points_scheduled import PointsScheduled
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
        PointsDeclined: on_points_declined,
        MemberRegistered: on_member_registered,
        HoldPlaced: on_hold_placed,
        HoldReleased: on_hold_released,
        HoldConfirmed: on_hold_confirmed,
    },
    books=WalletBooks(),
    routers=routes,
    sweepers=(sweep_maturity,),
)
