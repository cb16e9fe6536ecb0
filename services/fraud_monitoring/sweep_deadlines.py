"""The deadline sweeper: a case nobody decided in time is escalated, and nothing else happens to it (C26)."""

from services.fraud_monitoring import metrics
from services.fraud_monitoring.store.queries import ESCALATE, OPEN_CASES
from shared.runtime.service import Running


async def sweep_deadlines(running: Running) -> None:
    """Any number of processes may sweep, and twice changes nothing."""
    escalated = await running.pool.fetch(ESCALATE)
    for row in escalated:
        metrics.ESCALATED.labels(row["rule"]).inc()
    for row in await running.pool.fetch(OPEN_CASES):
        metrics.WAITING_CASES.labels(row["state"]).set(row["cases"])
