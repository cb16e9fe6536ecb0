"""Invariant 1, lot by lot: where the lot says its points are, the journal has posted them."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_journal GROUP BY 1"
DIFFERING = """
WITH posted AS (
    SELECT lot_id, min(program_id) AS program_id, min(member_id) AS member_id,
           sum(points * ((from_account = 'issued')::int - (to_account = 'issued')::int))::bigint AS issued,
           sum(points * ((to_account = 'pending')::int - (from_account = 'pending')::int))::bigint AS pending,
           sum(points * ((to_account = 'available')::int - (from_account = 'available')::int))::bigint AS available,
           sum(points * ((to_account = 'held')::int - (from_account = 'held')::int))::bigint AS held,
           sum(points * ((to_account = 'reserved')::int - (from_account = 'reserved')::int))::bigint AS reserved,
           sum(points * ((to_account = 'redeemed')::int - (from_account = 'redeemed')::int))::bigint AS redeemed,
           sum(points * ((to_account = 'expired')::int - (from_account = 'expired')::int))::bigint AS expired,
           sum(points * ((to_account = 'forfeited')::int - (from_account = 'forfeited')::int))::bigint AS forfeited,
           -- what left this lot for a claw-back, its own or another grant's, at once or for a deficit
           sum(points * ((to_account IN ('clawed_back', 'deficit') AND from_account NOT IN ('deficit', 'waived'))::int)
              )::bigint AS taken
      FROM redemption.audit_journal GROUP BY lot_id
), lot AS (
    -- a child was opened with points that its parent had been paid for: they were issued and are redeemed there
    SELECT lot_id, program_id, member_id, CASE WHEN child_of IS NULL THEN points ELSE 0 END AS issued,
           CASE posted_state WHEN 'pending' THEN remaining ELSE 0 END AS pending,
           CASE posted_state WHEN 'available' THEN remaining ELSE 0 END AS available,
           held, reserved, redeemed + passed_on - CASE WHEN child_of IS NULL THEN 0 ELSE points END AS redeemed,
           expired, forfeited, clawed_back + set_off AS taken
      FROM redemption.audit_lot
    UNION ALL
    -- what a debit by correction was short of stands under the debit's own id, for no lot gave it
    SELECT debit_id, program_id, member_id, 0, 0, 0, 0, 0, 0, 0, short, 0 FROM redemption.audit_debit WHERE short > 0
)
SELECT 'lot and journal differ: ' || part AS wrong, coalesce(l.program_id, p.program_id) AS program_id,
       coalesce(l.member_id, p.member_id) AS member_id, 'lot ' || lot_id AS subject, in_journal::text AS expected,
       in_lot::text AS found
  FROM lot AS l FULL JOIN posted AS p USING (lot_id),
       LATERAL (VALUES ('issued', p.issued, l.issued), ('pending', p.pending, l.pending),
                       ('available', p.available, l.available), ('held', p.held, l.held),
                       ('reserved', p.reserved, l.reserved), ('redeemed', p.redeemed, l.redeemed),
                       ('expired', p.expired, l.expired),
                       ('forfeited', p.forfeited, l.forfeited), ('clawed back and set off', p.taken, l.taken)
               ) AS parts (part, in_journal, in_lot)
 WHERE (p.issued, p.pending, p.available, p.held, p.reserved, p.redeemed, p.expired, p.forfeited, p.taken)
       IS DISTINCT FROM
       (l.issued, l.pending, l.available, l.held, l.reserved, l.redeemed, l.expired, l.forfeited, l.taken)
   AND in_journal IS DISTINCT FROM in_lot
"""
CHECK = Check(
    1,
    "lots and journal",
    "every part of every lot is what the journal's rows of that lot sum to",
    by_sql(LOOKED_AT, DIFFERING),
)
