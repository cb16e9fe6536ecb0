"""Small things seen, for tests of detectors: times in minutes of one day."""

from datetime import UTC, datetime

from services.fraud_monitoring.domain.limits import MINUTE
from services.fraud_monitoring.domain.seen import Seen, micros

MORNING = micros(datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
OLDEST = MORNING - 45 * 24 * 60 * MINUTE
PROGRAM = "fruit-shop"


def seen(identity: str, minute: int = 0, *, member: str = "mia", amount: int = 1, other: str = "") -> Seen:
    """Arrived a minute after it happened."""
    at = MORNING + minute * MINUTE
    name = f"/pos/t1#{identity}"
    return Seen(identity, at, at + MINUTE, amount, member, f"key-{identity}", name, name, other)
