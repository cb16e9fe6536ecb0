"""Invariant 1: claw-backs, deficits and waived points, as told, as posted and as kept."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT program_id, count(*) FROM redemption.audit_claw_back GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_wallet GROUP BY 1
"""
DIFFERING = """
WITH owed AS (
    SELECT program_id, member_id,
           sum(points * ((from_account = 'deficit')::int - (to_account = 'deficit')::int))::bigint AS deficit,
           sum(points * ((from_account = 'waived')::int - (to_account = 'waived')::int))::bigint AS waived
      FROM redemption.audit_journal
     WHERE from_account IN ('deficit', 'waived') OR to_account IN ('deficit', 'waived') GROUP BY 1, 2
), posted AS (
    SELECT j.cause_id, min(j.program_id) AS program_id, min(j.member_id) AS member_id, sum(j.points) AS points,
           sum(j.points) FILTER (WHERE j.grant_id = c.grant_id
                                 AND j.from_account IN ('pending', 'available', 'reserved', 'held')) AS taken,
           sum(j.points) FILTER (WHERE j.grant_id IS DISTINCT FROM c.grant_id) AS set_off,
           sum(j.points) FILTER (WHERE j.from_account IN ('expired', 'forfeited')) AS already_gone,
           sum(j.points) FILTER (WHERE j.from_account = 'deficit') AS deficit,
           sum(j.points) FILTER (WHERE j.from_account = 'waived') AS waived
      FROM redemption.audit_journal AS j LEFT JOIN redemption.audit_claw_back AS c ON c.claw_back_id::text = j.cause_id
     WHERE j.to_account = 'clawed_back' GROUP BY 1
), by_grant AS (
    SELECT grant_id, sum(points) AS recalled, sum(taken + already_gone) AS clawed_back
      FROM redemption.audit_claw_back GROUP BY 1
)
SELECT 'wallet and journal differ: ' || part AS wrong, program_id, member_id, 'wallet' AS subject,
       in_journal::text AS expected, in_wallet::text AS found
  FROM redemption.audit_wallet AS w FULL JOIN owed AS o USING (program_id, member_id),
       LATERAL (VALUES ('deficit', coalesce(o.deficit, 0), w.deficit), ('waived', coalesce(o.waived, 0), w.waived)
               ) AS parts (part, in_journal, in_wallet)
 WHERE in_journal IS DISTINCT FROM in_wallet
UNION ALL
SELECT 'claw-back and journal differ: ' || part, coalesce(c.program_id, p.program_id),
       coalesce(c.member_id, p.member_id), 'claw-back ' || coalesce(c.claw_back_id::text, p.cause_id),
       in_journal::text, told::text
  FROM redemption.audit_claw_back AS c FULL JOIN posted AS p ON p.cause_id = c.claw_back_id::text,
       LATERAL (VALUES ('points', p.points, c.points), ('taken', p.taken, c.taken), ('set off', p.set_off, c.set_off),
                       ('already gone', p.already_gone, c.already_gone), ('deficit', p.deficit, c.deficit),
                       ('waived', p.waived, c.waived)) AS parts (part, in_journal, told)
 WHERE coalesce(in_journal, 0) <> coalesce(told, 0)
UNION ALL
SELECT 'lot and its claw-backs differ: ' || part, l.program_id, l.member_id, 'lot ' || l.grant_id, told::text,
       in_lot::text
  FROM (SELECT grant_id, min(program_id) AS program_id, min(member_id) AS member_id, sum(recalled) AS recalled,
               sum(clawed_back) AS clawed_back
          FROM redemption.audit_lot GROUP BY 1) AS l LEFT JOIN by_grant AS g USING (grant_id),
       LATERAL (VALUES ('recalled', coalesce(g.recalled, 0), l.recalled),
                       ('clawed back', coalesce(g.clawed_back, 0), l.clawed_back)) AS parts (part, told, in_lot)
 WHERE told <> in_lot
"""
CHECK = Check(
    1,
    "claw-backs and journal",
    "wallets, claw-backs and lots agree with the journal on what was taken, set off, owed and waived",
    by_sql(LOOKED_AT, DIFFERING),
)
