"""`points.held`: what redemption really holds, so that the person who confirms a case need not guess."""

from services.fraud_monitoring.desk import Desk
from shared.events.points_held import PointsHeld
from shared.runtime.batch import Delivered, Fate


def on_points_held(delivered: Delivered, desk: Desk) -> Fate:
    event = delivered.required_event
    assert isinstance(event.data, PointsHeld)  # noqa: S101 - the wiring says so
    desk.held.append((event.data, delivered.offset))
    return Fate.APPLIED
