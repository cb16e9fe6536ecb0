"""Earning's whole wiring: what comes in, who answers it, where it is kept, what is served."""

from pathlib import Path

from services.earning import api
from services.earning.handlers.on_member_registered import on_member_registered
from services.earning.handlers.on_purchase_completed import on_purchase_completed
from services.earning.handlers.on_purchase_delivered import on_purchase_delivered
from services.earning.handlers.on_purchase_refunded import on_purchase_refunded
from services.earning.store.books import EarningBooks
from services.earning.store.budget import adopt_budgets
from services.earning.store.grace import release_overdue
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_delivered import PurchaseDelivered
from shared.events.purchase_refunded import PurchaseRefunded
from shared.runtime.service import Service

SERVICE = Service(
    name="earning",
    migrations=Path(__file__).parent / "migrations",
    # registrations first: within one poll they spare the purchases behind them a wait
    topics=("members.profiles.v1", "earning.effects.v1", "pos.purchases.v1"),
    handlers={
        MemberRegistered: on_member_registered,
        PurchaseCompleted: on_purchase_completed,
        PurchaseRefunded: on_purchase_refunded,
        PurchaseDelivered: on_purchase_delivered,
    },
    books=EarningBooks(),
    adopt_program=adopt_budgets,
    sweepers=(release_overdue,),
    routers=api.routes,
)
