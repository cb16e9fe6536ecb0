"""Invariant 2: every grant and claw-back of earning has its cause, and every promise of a decision was kept."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM earning.audit_decision GROUP BY 1"
# A claw-back of a refund that came before its purchase is booked later, under that refund's own decision.
DIFFERING = """
SELECT 'grant without its decision' AS wrong, g.program_id, g.member_id, 'grant ' || g.grant_id AS subject,
       'granted' AS expected, d.outcome AS found
  FROM earning.audit_grant AS g LEFT JOIN earning.audit_decision AS d USING (event_key)
 WHERE (d.program_id, d.member_id, d.receipt_key) IS DISTINCT FROM (g.program_id, g.member_id, g.receipt_key)
    OR d.outcome <> 'granted' AND NOT (d.outcome = 'linked' AND g.referral_key IS NOT NULL)
UNION ALL
SELECT 'grant without its receipt', g.program_id, g.member_id, 'grant ' || g.grant_id, 'granted', r.outcome
  FROM earning.audit_grant AS g LEFT JOIN earning.audit_receipt AS r USING (receipt_key)
 WHERE g.drop_key IS NULL AND g.referral_key IS NULL AND g.occasion_key IS NULL
   AND (r.outcome, r.program_id, r.member_id, r.event_key)
       IS DISTINCT FROM ('granted', g.program_id, g.member_id, g.event_key)
UNION ALL
SELECT 'grant without its drop', g.program_id, g.member_id, 'grant ' || g.grant_id, 'granted', r.outcome
  FROM earning.audit_grant AS g LEFT JOIN earning.audit_drop AS r USING (drop_key)
 WHERE g.drop_key IS NOT NULL AND (r.outcome, r.program_id, r.member_id, r.event_key)
       IS DISTINCT FROM ('granted', g.program_id, g.member_id, g.event_key)
UNION ALL
SELECT 'grant without its occasion', g.program_id, g.member_id, 'grant ' || g.grant_id, 'granted', o.outcome
  FROM earning.audit_grant AS g LEFT JOIN earning.audit_occasion AS o USING (occasion_key)
 WHERE g.occasion_key IS NOT NULL AND (o.outcome, o.program_id, o.member_id, o.event_key)
       IS DISTINCT FROM ('granted', g.program_id, g.member_id, g.event_key)
UNION ALL
SELECT 'occasion granted, but there is no grant', o.program_id, o.member_id, o.kind || ' ' || o.occasion_key,
       'a grant', NULL
  FROM earning.audit_occasion AS o
 WHERE o.outcome = 'granted'
   AND NOT EXISTS (SELECT FROM earning.audit_grant AS g
                    WHERE (g.event_key, g.occasion_key) = (o.event_key, o.occasion_key))
UNION ALL
SELECT 'a member joined twice', program_id, member_id, 'occasions ' || string_agg(occasion_key::text, ', '), '1',
       count(*)::text
  FROM earning.audit_occasion WHERE kind = 'sign_up' GROUP BY program_id, member_id HAVING count(*) > 1
UNION ALL
SELECT 'activities counted differ from those granted', coalesce(c.program_id, o.program_id),
       coalesce(c.member_id, o.member_id), 'activity ' || coalesce(c.activity_id, o.activity_id),
       coalesce(o.times, 0)::text, coalesce(c.times, 0)::text
  FROM (SELECT program_id, member_id, activity_id, sum(times) AS times FROM earning.audit_activity_count
         GROUP BY 1, 2, 3) AS c
       FULL JOIN (SELECT program_id, member_id, activity_id, count(*) AS times FROM earning.audit_occasion
                   WHERE kind = 'activity' AND outcome = 'granted' GROUP BY 1, 2, 3) AS o
            USING (program_id, member_id, activity_id)
 WHERE c.times IS DISTINCT FROM o.times
UNION ALL
SELECT 'grant without its referral', g.program_id, g.member_id, 'grant ' || g.grant_id, 'qualified', f.state
  FROM earning.audit_grant AS g
       LEFT JOIN (SELECT referral_key, program_id, invitee_id AS member_id, event_key, state
                    FROM earning.audit_referral
                  UNION ALL
                  SELECT referral_key, program_id, inviter_id, event_key,
                         CASE outcome WHEN 'granted' THEN 'qualified' ELSE outcome END
                    FROM earning.audit_referral_reward) AS f USING (referral_key, event_key)
 WHERE g.referral_key IS NOT NULL AND ((f.program_id, f.member_id) IS DISTINCT FROM (g.program_id, g.member_id)
       OR f.state NOT IN ('qualified', 'reversed'))
UNION ALL
SELECT 'one side of a referral was rewarded twice', min(program_id), min(member_id),
       'referral ' || referral_key || ', grants ' || string_agg(grant_id::text, ', ' ORDER BY grant_id), '1',
       count(*)::text
  FROM earning.audit_grant WHERE referral_key IS NOT NULL GROUP BY referral_key, member_id HAVING count(*) > 1
UNION ALL
SELECT 'grant of a reversed referral was not taken back', g.program_id, g.member_id, 'grant ' || g.grant_id,
       g.points::text, g.clawed_back::text
  FROM earning.audit_grant AS g JOIN (SELECT referral_key, event_key, state FROM earning.audit_referral
                                      UNION ALL
                                      SELECT referral_key, event_key, outcome FROM earning.audit_referral_reward
                                     ) AS f USING (referral_key, event_key)
 WHERE f.state = 'reversed' AND g.clawed_back <> g.points
UNION ALL
SELECT 'granted, but there is no grant', d.program_id, d.member_id, 'event ' || d.event_id || ' of ' || d.event_source,
       'a grant', NULL
  FROM earning.audit_decision AS d
 WHERE d.outcome = 'granted' AND NOT EXISTS (SELECT FROM earning.audit_grant AS g WHERE g.event_key = d.event_key)
UNION ALL
SELECT 'claw-back without its decision', c.program_id, c.member_id, 'claw-back ' || c.claw_back_id, 'clawed_back',
       d.outcome
  FROM earning.audit_claw_back AS c LEFT JOIN earning.audit_decision AS d USING (event_key)
 WHERE d.outcome IS NULL OR d.program_id <> c.program_id
    OR d.outcome NOT IN ('clawed_back', 'open_claim', 'partly_open_claim')
UNION ALL
SELECT 'claw-back without its grant', c.program_id, c.member_id, 'claw-back ' || c.claw_back_id,
       'grant ' || c.grant_id, g.program_id || '/' || g.member_id
  FROM earning.audit_claw_back AS c LEFT JOIN earning.audit_grant AS g USING (grant_id)
 WHERE (g.program_id, g.member_id) IS DISTINCT FROM (c.program_id, c.member_id)
UNION ALL
SELECT 'clawed back, but there is no claw-back', d.program_id, d.member_id,
       'event ' || d.event_id || ' of ' || d.event_source, 'a claw-back', NULL
  FROM earning.audit_decision AS d
 WHERE d.outcome = 'clawed_back'
   AND NOT EXISTS (SELECT FROM earning.audit_claw_back AS c WHERE c.event_key = d.event_key)
"""
CHECK = Check(
    2,
    "causes",
    "every grant has its decision and receipt, drop, referral or occasion, every claw-back its decision and grant, "
    "and the other way round",
    by_sql(LOOKED_AT, DIFFERING),
)
