"""Earning's whole wiring: what comes in, who answers it, where it is kept, what is served."""

from pathlib import Path

from services.earning import api
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
from services.earning.store.books import EarningBooks
from services.earning.store.budget import adopt_budgets
from services.earning.store.grace import release_overdue
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
from shared.runtime.service import Service

SERVICE = Service(
    name="earning",
    migrations=Path(__file__).parent / "migrations",
    # registrations first: within one poll they spare the purchases behind them a wait
    topics=(
        "members.profiles.v1",
        "earning.effects.v1",
        "members.referrals.v1",
        "pos.purchases.v1",
        "pos.recycling.v1",
    ),
    handlers={
        MemberRegistered: on_member_registered,
        MemberUpdated: on_member_updated,
        PurchaseCompleted: on_purchase_completed,
        PurchaseRefunded: on_purchase_refunded,
        PurchaseDelivered: on_purchase_delivered,
        RecyclingCollected: on_recycling_collected,
        RecyclingRejected: on_recycling_rejected,
        ReferralAccepted: on_referral_accepted,
        ReferralQualified: on_referral_qualified,
        ReferralReversed: on_referral_reversed,
    },
    books=EarningBooks(),
    adopt_program=adopt_budgets,
    sweepers=(release_overdue,),
    routers=api.routes,
)
