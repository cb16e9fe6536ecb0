"""Earning's whole wiring: what comes in, who answers it, where it is kept, what is served."""

from pathlib import Path

from services.earning import api
from services.earning.decide.tiers import with_tiers
from services.earning.handlers.on_activity_completed import on_activity_completed
from services.earning.handlers.on_birthday_reached import on_birthday_reached
from services.earning.handlers.on_correction_requested import on_correction_requested
from services.earning.handlers.on_member_closed import on_member_closed
from services.earning.handlers.on_member_registered import on_member_registered
from services.earning.handlers.on_member_updated import on_member_updated
from services.earning.handlers.on_purchase_completed import on_purchase_completed
from services.earning.handlers.on_purchase_delivered import on_purchase_delivered
from services.earning.handlers.on_purchase_refunded import on_purchase_refunded
from services.earning.handlers.on_recycling_collected import on_recycling_collected
from services.earning.handlers.on_recycling_rejected import on_recycling_rejected
from services.earning.handlers.on_referral_accepted import on_referral_accepted
from services.earning.handlers.on_referral_qualified import on_referral_qualified
from services.earning.handlers.on_referral_reversed import on_referral_reversed
from services.earning.handlers.on_tier_due import on_tier_due
from services.earning.handlers.on_tier_floor_requested import on_tier_floor_requested
from services.earning.store.adopt import adopt_program
from services.earning.store.birthdays import tell_birthdays
from services.earning.store.books import EarningBooks
from services.earning.store.grace import release_overdue
from services.earning.store.recall_profiles import recall_profiles
from services.earning.store.tier_ends import tell_tier_ends
from shared.events.activity_completed import ActivityCompleted
from shared.events.birthday_reached import BirthdayReached
from shared.events.correction_requested import CorrectionRequested
from shared.events.member_closed import MemberClosed
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_delivered import PurchaseDelivered
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.recycling_collected import RecyclingCollected
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted
from shared.events.referral_qualified import ReferralQualified
from shared.events.referral_reversed import ReferralReversed
from shared.events.tier_due import TierDue
from shared.events.tier_floor_requested import TierFloorRequested
from shared.runtime.service import Service

SERVICE = Service(
    name="earning",
    migrations=Path(__file__).parent / "migrations",
    # registrations first: within one poll they spare the purchases behind them a wait
    topics=(
        "members.profiles.v1",
        "earning.effects.v1",
        "members.referrals.v1",
        "members.activities.v1",
        "pos.purchases.v1",
        "pos.recycling.v1",
    ),
    handlers=with_tiers(
        {
            MemberRegistered: on_member_registered,
            MemberUpdated: on_member_updated,
            MemberClosed: on_member_closed,
            PurchaseCompleted: on_purchase_completed,
            PurchaseRefunded: on_purchase_refunded,
            PurchaseDelivered: on_purchase_delivered,
            RecyclingCollected: on_recycling_collected,
            RecyclingRejected: on_recycling_rejected,
            ReferralAccepted: on_referral_accepted,
            ActivityCompleted: on_activity_completed,
            ReferralQualified: on_referral_qualified,
            ReferralReversed: on_referral_reversed,
            BirthdayReached: on_birthday_reached,
            CorrectionRequested: on_correction_requested,
            TierDue: on_tier_due,
            TierFloorRequested: on_tier_floor_requested,
        }
    ),
    books=EarningBooks(),
    on_read_again=recall_profiles,
    adopt_program=adopt_program,
    sweepers=(release_overdue, tell_birthdays, tell_tier_ends),
    routers=api.routes,
)
