"""Fraud monitoring's whole wiring: what it reads, which detector looks at what, what it publishes and serves.

In:  every topic that topics.yaml names fraud_monitoring for, read by one Faust agent; types without a handler are
     decoded and counted as ignored
     fraud_monitoring.devices.v1   its own repartition topic: purchases by device
     programs.versions.v1          by a plain consumer: an event of an unknown program is a dead letter
Out: fraud.signals.v1   signal.raised
     fraud.holds.v1     hold.placed (by a rule), hold.released and hold.confirmed (by a person, never by a machine)
HTTP: cases and their decisions, the rules, a trace (api.py)

    purchase.completed   → member_velocity; by device → device_shared, referral_ring
    referral.accepted    → by device → referral_ring
    recycling.collected  → implausible_weight
    points.granted       → refund_after_earning, implausible_weight
    points.clawed_back   → refund_after_earning
    points.held          → what redemption holds, beside the hold
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from services.fraud_monitoring.api import routes
from services.fraud_monitoring.desk import Desk
from services.fraud_monitoring.handlers.on_points_clawed_back import on_points_clawed_back
from services.fraud_monitoring.handlers.on_points_granted import on_points_granted
from services.fraud_monitoring.handlers.on_points_held import on_points_held
from services.fraud_monitoring.handlers.on_purchase_completed import on_purchase_completed
from services.fraud_monitoring.handlers.on_recycling_collected import on_recycling_collected
from services.fraud_monitoring.handlers.on_referral_accepted import on_referral_accepted
from services.fraud_monitoring.settings import FraudSettings
from services.fraud_monitoring.stream import run_stream
from services.fraud_monitoring.sweep_deadlines import sweep_deadlines
from shared.events.event import EventData
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_granted import PointsGranted
from shared.events.points_held import PointsHeld
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.recycling_collected import RecyclingCollected
from shared.events.referral_accepted import ReferralAccepted
from shared.events.topics import load_topics
from shared.runtime.batch import Delivered, Fate
from shared.runtime.program_feed import TOPIC as PROGRAMS
from shared.runtime.program_feed import ProgramFeed
from shared.runtime.service import Running, Service

NAME = "fraud_monitoring"
TOPICS = tuple(name for name, topic in load_topics().items() if NAME in topic.consumers and name != PROGRAMS)
HANDLERS: Mapping[type[EventData], Callable[[Delivered, Desk], Fate]] = {
    PurchaseCompleted: on_purchase_completed,
    ReferralAccepted: on_referral_accepted,
    RecyclingCollected: on_recycling_collected,
    PointsGranted: on_points_granted,
    PointsClawedBack: on_points_clawed_back,
    PointsHeld: on_points_held,
}


def service(settings: FraudSettings) -> Service[Any]:
    """One process. Its topics are Faust's to read, so the shared worker gets none."""

    def workers(running: Running, feed: ProgramFeed) -> Sequence[Coroutine[Any, Any, None]]:
        return (run_stream(NAME, TOPICS, HANDLERS, settings, running, feed),)

    def routers(running: Running) -> Sequence[APIRouter]:
        return routes(running, settings)

    return Service(
        name=NAME,
        migrations=Path(__file__).parent / "migrations",
        routers=routers,
        sweepers=(sweep_deadlines,),
        workers=workers,
    )
