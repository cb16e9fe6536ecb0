"""Invariant 8: what became of each offset, per service, topic and partition."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT NULL::text, sum(next_offset - first_offset) FROM {consumer}.audit_offset"
DIFFERING = """
WITH inbox AS (
    SELECT topic, partition, count(*) AS records FROM {consumer}.audit_inbox GROUP BY 1, 2
), letters AS (
    SELECT topic, partition, count(*) AS records FROM {consumer}.audit_dead_letter GROUP BY 1, 2
), gaps AS (
    SELECT topic, partition, sum(to_offset - from_offset) AS records FROM {consumer}.audit_gap GROUP BY 1, 2
), told AS (
    SELECT topic, partition, record_offset AS from_offset, record_offset + 1 AS to_offset FROM {consumer}.audit_inbox
    UNION ALL
    SELECT topic, partition, record_offset, record_offset + 1 FROM {consumer}.audit_dead_letter
    UNION ALL
    SELECT topic, partition, from_offset, to_offset FROM {consumer}.audit_gap
), in_order AS (
    SELECT *, max(to_offset) OVER (PARTITION BY topic, partition ORDER BY from_offset, to_offset
                                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS told_up_to
      FROM told
)
SELECT wrong, NULL AS program_id, NULL AS member_id, '{consumer}: ' || topic || '/' || partition AS subject,
       expected::text, found::text
  FROM {consumer}.audit_offset AS o FULL JOIN inbox AS i USING (topic, partition)
       FULL JOIN letters AS l USING (topic, partition) FULL JOIN gaps AS g USING (topic, partition),
       LATERAL (VALUES
           ('fates do not sum to the offsets passed', o.next_offset - o.first_offset,
            o.applied + o.duplicate + o.ignored + o.forwarded + o.dead_lettered + o.gap),
           ('applied is not the inbox', coalesce(i.records, 0), coalesce(o.applied, 0)),
           ('dead-lettered is not the dead letters', coalesce(l.records, 0), coalesce(o.dead_lettered, 0)),
           ('gaps are not those listed', coalesce(g.records, 0), coalesce(o.gap, 0))
       ) AS rules (wrong, expected, found)
 WHERE expected IS DISTINCT FROM found
UNION ALL
SELECT 'an offset is told twice', NULL, NULL, '{consumer}: ' || topic || '/' || partition || '@' || from_offset,
       'at least ' || told_up_to, from_offset::text
  FROM in_order WHERE from_offset < told_up_to
UNION ALL
SELECT 'an offset is told that was not passed', NULL, NULL,
       '{consumer}: ' || topic || '/' || partition || '@' || from_offset, first_offset || ' to ' || next_offset - 1,
       from_offset::text
  FROM told LEFT JOIN {consumer}.audit_offset AS o USING (topic, partition)
 WHERE o.topic IS NULL OR from_offset < first_offset OR to_offset > next_offset
"""
CHECK = Check(
    8,
    "offsets",
    "next − first = applied + duplicate + ignored + forwarded + dead-lettered + gap, as inbox and dead letters say",
    by_sql(LOOKED_AT, DIFFERING),
)
