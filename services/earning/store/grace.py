"""The end of the registration grace: what still waits goes on and is declined when it comes back (C01)."""

from shared.runtime.service import Running

# Row locks make it safe with several workers and against the registration itself: a row is sent on exactly once.
# Kafka's clock decides the grace, so no shift of ours applies. The headers stay as they are: they carry the arrival
# already, and taking them apart in SQL fails at a zero byte.
_RELEASE = """
WITH due AS (
    UPDATE waiting_event SET sent_on = true WHERE event_key IN (
        SELECT event_key FROM waiting_event WHERE deadline <= now() AND NOT sent_on
         ORDER BY position LIMIT 500 FOR UPDATE SKIP LOCKED)
    RETURNING *
)
INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload, headers)
SELECT 'earning.effects.v1', record_key, event_type, event_key, record_value, headers
  FROM due ORDER BY position
"""


async def release_overdue(running: Running) -> None:
    """Publish the overdue events under their member's key; their record's own time shows that the grace is over."""
    await running.pool.execute(_RELEASE)
