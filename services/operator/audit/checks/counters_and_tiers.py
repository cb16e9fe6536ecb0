"""Invariant 5's numbers, as far as one snapshot shows them: counters of caps and tiers are what was decided."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.tier_money import MONEY
from services.operator.audit.under_way import lost
from services.operator.audit.verdict import Found

TOPIC = "members.tiers.v1"
LOOKED_AT = """
SELECT program_id, count(*) FROM earning.audit_grant GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM earning.audit_member_counter GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM earning.audit_campaign_slice GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM earning.audit_tier_change GROUP BY 1
"""
# A grant counts for the tier where the version that judged it has tiers, on the business day of what earned it;
# corrected points do not.
DIFFERING = """
WITH used AS (
    SELECT program_id, member_id, period, rule_id, sum(points) AS points FROM earning.audit_cap_use
     WHERE period <> 'campaign' GROUP BY 1, 2, 3, 4
), spent AS (
    SELECT program_id, rule_id, sum(points) AS points FROM earning.audit_cap_use
     WHERE period = 'campaign' GROUP BY 1, 2
), campaign AS (
    SELECT program_id, rule_id, sum(used) AS used FROM earning.audit_campaign_slice GROUP BY 1, 2
), counted AS (
    SELECT g.program_id, g.member_id, (g.event_time AT TIME ZONE t.time_zone)::date AS day,
           sum(g.points - g.clawed_back) AS points
      FROM earning.audit_grant AS g
           JOIN earning.audit_tier_terms AS t ON t.program_id = g.program_id AND t.version = g.rule_version
           LEFT JOIN earning.audit_occasion AS o ON o.occasion_key = g.occasion_key
     WHERE t.has_tiers AND o.kind IS DISTINCT FROM 'correction' GROUP BY 1, 2, 3
), followed AS (
    SELECT c.*, lag(tier_after) OVER story AS before_it, row_number() OVER story AS nth,
           lag(effective_at) OVER story AS earlier
      FROM earning.audit_tier_change AS c WINDOW story AS (PARTITION BY program_id, member_id ORDER BY place)
), latest AS (
    SELECT DISTINCT ON (program_id, member_id) program_id, member_id, tier_after FROM earning.audit_tier_change
     ORDER BY program_id, member_id, place DESC
)
SELECT 'counter of a cap differs from what was granted under it' AS wrong, coalesce(c.program_id, u.program_id)
       AS program_id, coalesce(c.member_id, u.member_id) AS member_id,
       'rule ' || coalesce(c.rule_id, u.rule_id) || ', ' || coalesce(c.period, u.period) AS subject,
       coalesce(u.points, 0)::text AS expected, coalesce(c.used, 0)::text AS found
  FROM earning.audit_member_counter AS c FULL JOIN used AS u USING (program_id, member_id, period, rule_id)
 WHERE coalesce(c.used, 0) <> coalesce(u.points, 0)
   AND NOT EXISTS (SELECT FROM earning.audit_uncounted_occasion AS o
                    WHERE o.program_id = coalesce(c.program_id, u.program_id)
                      AND o.member_id = coalesce(c.member_id, u.member_id))
UNION ALL
SELECT 'campaign differs from what was granted under it', coalesce(c.program_id, s.program_id), NULL,
       'rule ' || coalesce(c.rule_id, s.rule_id), coalesce(s.points, 0)::text, coalesce(c.used, 0)::text
  FROM campaign AS c FULL JOIN spent AS s USING (program_id, rule_id)
 WHERE coalesce(c.used, 0) <> coalesce(s.points, 0)
   AND NOT EXISTS (SELECT FROM earning.audit_uncounted_occasion AS o
                    WHERE o.program_id = coalesce(c.program_id, s.program_id))
UNION ALL
SELECT 'points that count for the tier differ from those granted', coalesce(p.program_id, g.program_id),
       coalesce(p.member_id, g.member_id), 'day ' || coalesce(p.day, g.day), coalesce(g.points, 0)::text,
       coalesce(p.points, 0)::text
  FROM earning.audit_tier_progress AS p FULL JOIN counted AS g USING (program_id, member_id, day)
 WHERE coalesce(p.points, 0) <> coalesce(g.points, 0)
UNION ALL
SELECT 'changes of a tier do not follow on each other', program_id, member_id, 'change ' || place,
       concat_ws(' ', nth, before_it, earlier), concat_ws(' ', place, tier_before, effective_at)
  FROM followed
 WHERE place <> nth OR tier_before IS DISTINCT FROM before_it OR effective_at < earlier
UNION ALL
SELECT 'tier told last is not the one the member has', coalesce(l.program_id, t.program_id),
       coalesce(l.member_id, t.member_id), 'tier', concat_ws(' or floor ', t.holdings -> -1 ->> 0, t.floor),
       l.tier_after
  FROM latest AS l FULL JOIN earning.audit_member_tier AS t USING (program_id, member_id)
 WHERE l.tier_after IS DISTINCT FROM t.holdings -> -1 ->> 0
   AND (t.floor IS NULL OR l.tier_after IS DISTINCT FROM t.floor)
UNION ALL
SELECT 'floor that no two persons agreed on', t.program_id, t.member_id, 'floor ' || t.floor, f.tier_id, t.floor
  FROM earning.audit_member_tier AS t
       LEFT JOIN LATERAL (
           SELECT f.tier_id FROM earning.audit_tier_floor AS f JOIN earning.audit_decision AS d USING (event_key)
            WHERE (f.program_id, f.member_id) = (t.program_id, t.member_id) AND f.state = 'approved'
              AND f.decided_by <> f.requested_by AND d.outcome = 'updated'
            ORDER BY f.decided_at DESC LIMIT 1) AS f ON true
 WHERE t.floor IS NOT NULL AND t.floor IS DISTINCT FROM f.tier_id
UNION ALL
SELECT 'tier in redemption that earning did not tell', r.program_id, r.member_id, 'change ' || r.event_id,
       c.tier_after, r.tier_id
  FROM redemption.audit_tier_told AS r LEFT JOIN earning.audit_tier_change AS c ON c.change_id = r.event_id
 WHERE (c.program_id, c.member_id, c.tier_after, c.effective_at)
       IS DISTINCT FROM (r.program_id, r.member_id, r.tier_id, r.effective_at)
"""
# `found` is the id of the event that tells the change.
NOWHERE = """
SELECT 'tier told by earning and nowhere else' AS wrong, c.program_id, c.member_id, 'change ' || c.place AS subject,
       c.tier_after AS expected, c.change_id::text AS found
  FROM earning.audit_tier_change AS c
 WHERE NOT EXISTS (SELECT FROM redemption.audit_tier_told AS r WHERE r.event_id = c.change_id)
   AND NOT EXISTS (SELECT FROM earning.audit_outbox AS o WHERE o.event_id = c.change_id)
"""


async def look(evidence: Evidence) -> Found:
    """What redemption does not know must be among the records that it has still to read."""
    total, rows = await evidence.differences(DIFFERING)
    miscounted, money = await evidence.differences(MONEY)
    gone = await lost(evidence, NOWHERE, TOPIC, "redemption")
    return Found(await evidence.count(LOOKED_AT), total + miscounted + len(gone), [*rows, *money, *gone][:ROWS_SHOWN])


CHECK = Check(
    5,
    "counters and tiers",
    "counters of caps and campaigns, and the points that count for tiers, are those of the grants, the money is that "
    "of the receipts; a member's tier is the last that was told, and redemption was told the same",
    look,
)
