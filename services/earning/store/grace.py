"""The end of the registration grace: what still waits goes on and is declined when it comes back (C01)."""

from shared.runtime.batch import ARRIVAL_HEADER
from shared.runtime.service import Running

# Row locks make it safe with several workers and against the registration itself: a row leaves exactly once.
_RELEASE = """
WITH due AS (
    DELETE FROM waiting_event WHERE event_key IN (
        SELECT event_key FROM waiting_event WHERE deadline <= service_now()
         ORDER BY position LIMIT 500 FOR UPDATE SKIP LOCKED)
    RETURNING *
)
INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload, headers)
SELECT 'earning.effects.v1', record_key, event_type, event_key, record_value,
       (SELECT json_agg(header) FROM (
            SELECT header FROM json_array_elements(headers) AS header WHERE header ->> 0 <> $1
            UNION ALL
            SELECT json_build_array($1::text, (extract(epoch FROM arrival) * 1000)::bigint::text)) AS h)
  FROM due ORDER BY position
"""


async def release_overdue(running: Running) -> None:
    """Publish the overdue events under their member's key; their record's own time shows that the grace is over."""
    await running.pool.execute(_RELEASE, ARRIVAL_HEADER)
