"""Invariant 1: what is booked in both services is equal there, id by id; what is under way is the hand-over's."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT program_id, count(*) FROM earning.audit_grant GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM earning.audit_claw_back GROUP BY 1
"""
DIFFERING = """
WITH taken AS (
    SELECT grant_id, sum(points) AS points, sum(cost_minor) AS cost_minor FROM earning.audit_claw_back GROUP BY 1
)
SELECT 'grant and lot differ: ' || part AS wrong, g.program_id, g.member_id, 'grant ' || g.grant_id AS subject,
       in_earning AS expected, in_redemption AS found
  FROM earning.audit_grant AS g JOIN redemption.audit_lot AS l ON l.lot_id = g.grant_id,
       LATERAL (VALUES ('points', g.points::text, l.points::text), ('program', g.program_id, l.program_id),
                       ('member', g.member_id, l.member_id), ('class', g.class, l.class),
                       ('budget', g.budget_id, l.budget_id), ('grant', g.grant_id::text, l.grant_id::text),
                       ('cost', g.cost_minor::text, l.expected_cost_minor::text),
                       -- a lot without a date may still be told of its delivery
                       ('available at', g.available_at::text, coalesce(l.available_at, g.available_at)::text)
               ) AS parts (part, in_earning, in_redemption)
 WHERE (g.points, g.program_id, g.member_id, g.class, g.budget_id, g.grant_id, g.cost_minor, g.available_at)
       IS DISTINCT FROM
       (l.points, l.program_id, l.member_id, l.class, l.budget_id, l.grant_id, l.expected_cost_minor,
        coalesce(l.available_at, g.available_at))
   AND in_earning IS DISTINCT FROM in_redemption
UNION ALL
SELECT 'claw-back differs: ' || part, e.program_id, e.member_id, 'claw-back ' || claw_back_id, in_earning, in_redemption
  FROM earning.audit_claw_back AS e JOIN redemption.audit_claw_back AS r USING (claw_back_id),
       LATERAL (VALUES ('points', e.points::text, r.points::text), ('program', e.program_id, r.program_id),
                       ('member', e.member_id, r.member_id), ('grant', e.grant_id::text, r.grant_id::text)
               ) AS parts (part, in_earning, in_redemption)
 WHERE in_earning IS DISTINCT FROM in_redemption
UNION ALL
SELECT 'grant and its claw-backs differ: ' || part, g.program_id, g.member_id, 'grant ' || g.grant_id, told, kept
  FROM earning.audit_grant AS g LEFT JOIN taken AS t USING (grant_id),
       LATERAL (VALUES ('points', coalesce(t.points, 0)::text, g.clawed_back::text),
                       ('cost', coalesce(t.cost_minor, 0)::text, g.cost_returned_minor::text)
               ) AS parts (part, told, kept)
 WHERE (coalesce(t.points, 0), coalesce(t.cost_minor, 0)) <> (g.clawed_back, g.cost_returned_minor) AND told <> kept
"""
CHECK = Check(
    1,
    "both books",
    "issued and clawed back are equal in earning's and redemption's books, grant by grant",
    by_sql(LOOKED_AT, DIFFERING),
)
