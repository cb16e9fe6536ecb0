"""Invariant 1: what holds bind, as their rows, their lots and the journal say; and only a person ends one (C26)."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT program_id, count(*) FROM redemption.audit_hold GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_hold_share GROUP BY 1
"""
DIFFERING = """
WITH hold AS (
    SELECT * FROM redemption.audit_hold
), by_hold AS (
    SELECT program_id, member_id, hold_id, sum(points)::bigint AS held FROM redemption.audit_hold_share GROUP BY 1, 2, 3
), by_lot AS (
    SELECT lot_id, sum(points)::bigint AS held FROM redemption.audit_hold_share GROUP BY 1
), by_member AS (
    SELECT program_id, member_id, count(*) FILTER (WHERE state = 'open') AS open_holds, sum(bound)::bigint AS bound,
           sum(taken_back)::bigint AS taken_back, sum(forfeited)::bigint AS forfeited,
           sum(released)::bigint AS released, sum(named_points)::bigint AS named
      FROM hold GROUP BY 1, 2
), posted AS (
    SELECT program_id, member_id, sum(points) FILTER (WHERE to_account = 'held')::bigint AS bound,
           sum(points) FILTER (WHERE from_account = 'held' AND to_account = 'clawed_back')::bigint AS taken_back,
           sum(points) FILTER (WHERE from_account = 'held' AND to_account = 'forfeited')::bigint AS forfeited,
           sum(points) FILTER (WHERE from_account = 'held' AND to_account IN ('pending', 'available'))::bigint
               AS released
      FROM redemption.audit_journal WHERE 'held' IN (from_account, to_account) GROUP BY 1, 2
)
SELECT 'hold and its shares differ' AS wrong, h.program_id, h.member_id, 'hold ' || h.hold_id AS subject,
       coalesce(s.held, 0)::text AS expected, h.held::text AS found
  FROM hold AS h LEFT JOIN by_hold AS s USING (program_id, member_id, hold_id)
 WHERE coalesce(s.held, 0) <> h.held
UNION ALL
SELECT 'a share without its hold', s.program_id, s.member_id, 'hold ' || s.hold_id, NULL, s.held::text
  FROM by_hold AS s WHERE NOT EXISTS (SELECT FROM hold AS h WHERE (h.program_id, h.member_id, h.hold_id)
                                                                 = (s.program_id, s.member_id, s.hold_id))
UNION ALL
SELECT 'lot and its holds differ', l.program_id, l.member_id, 'lot ' || l.lot_id, coalesce(s.held, 0)::text,
       l.held::text
  FROM redemption.audit_lot AS l LEFT JOIN by_lot AS s USING (lot_id) WHERE coalesce(s.held, 0) <> l.held
UNION ALL
SELECT 'a hold binds another member''s lot', s.program_id, s.member_id, 'hold ' || s.hold_id || ', lot ' || s.lot_id,
       s.program_id || '/' || s.member_id, l.program_id || '/' || l.member_id
  FROM redemption.audit_hold_share AS s JOIN redemption.audit_lot AS l USING (lot_id)
 WHERE (s.program_id, s.member_id) <> (l.program_id, l.member_id)
UNION ALL
SELECT 'a hold binds a lot outside its scope', h.program_id, h.member_id,
       'hold ' || h.hold_id || ', lot ' || s.lot_id, array_to_string(h.grant_ids, ', '), s.lot_id::text
  FROM hold AS h JOIN redemption.audit_hold_share AS s USING (program_id, member_id, hold_id)
       JOIN redemption.audit_lot AS l USING (lot_id)
 WHERE h.scope = 'grants' AND NOT l.grant_id = ANY(h.grant_ids)
UNION ALL
SELECT 'what a hold bound is not held, taken back, forfeited or released', program_id, member_id, 'hold ' || hold_id,
       bound::text, (held + taken_back + forfeited + released)::text
  FROM hold WHERE bound <> held + taken_back + forfeited + released
UNION ALL
SELECT 'a hold ended that no person ended', program_id, member_id, 'hold ' || hold_id, 'person and note', person
  FROM hold WHERE state <> 'open' AND (coalesce(person, '') = '' OR note IS NULL OR decided_event_id IS NULL)
UNION ALL
SELECT 'an ended hold still binds points', program_id, member_id, 'hold ' || hold_id, '0', held::text
  FROM hold WHERE state <> 'open' AND held <> 0
UNION ALL
SELECT 'more was forfeited than persons named', program_id, member_id, 'holds', coalesce(named, 0)::text,
       forfeited::text
  FROM by_member WHERE forfeited > coalesce(named, 0)
UNION ALL
SELECT 'wallet does not know its open holds', w.program_id, w.member_id, 'wallet', coalesce(m.open_holds, 0)::text,
       w.open_holds::text
  FROM redemption.audit_wallet AS w LEFT JOIN by_member AS m USING (program_id, member_id)
 WHERE w.open_holds <> coalesce(m.open_holds, 0)
UNION ALL
SELECT 'holds and journal differ: ' || part, coalesce(m.program_id, p.program_id), coalesce(m.member_id, p.member_id),
       'holds', in_journal::text, told::text
  FROM by_member AS m FULL JOIN posted AS p USING (program_id, member_id),
       LATERAL (VALUES ('bound', p.bound, m.bound), ('taken back', p.taken_back, m.taken_back),
                       ('forfeited', p.forfeited, m.forfeited), ('released', p.released, m.released)
               ) AS parts (part, in_journal, told)
 WHERE coalesce(in_journal, 0) <> coalesce(told, 0)
"""
CHECK = Check(
    1,
    "holds and journal",
    "holds, lots and journal agree on every held point; what was forfeited a person named",
    by_sql(LOOKED_AT, DIFFERING),
)
