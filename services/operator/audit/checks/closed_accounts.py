"""A closed account is closed for redemption and earning alike, and holds nothing that is free (C22)."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_wallet GROUP BY 1"
# What earning has not read yet is under way; the hand-over of offsets accounts for it.
DIFFERING = """
SELECT 'earning''s end of an account is not redemption''s' AS wrong, e.program_id, e.member_id, 'closing' AS subject,
       w.closed_at::text AS expected, e.closed_at::text AS found
  FROM earning.audit_member AS e LEFT JOIN redemption.audit_wallet AS w USING (program_id, member_id)
 WHERE e.closed_at IS NOT NULL AND e.closed_at IS DISTINCT FROM w.closed_at
UNION ALL
SELECT 'the closing and the wallet differ', c.program_id, c.member_id, 'closure ' || c.closure_id, c.closed_at::text,
       w.closed_at::text
  FROM redemption.audit_closure AS c LEFT JOIN redemption.audit_wallet AS w USING (program_id, member_id)
 WHERE c.closed_at IS DISTINCT FROM w.closed_at
UNION ALL
-- a lot that a batch booked while the account was being closed goes when the batch's worker reads member.closed
SELECT 'a closed account holds points', l.program_id, l.member_id, 'lot ' || l.lot_id, '0', l.remaining::text
  FROM redemption.audit_wallet AS w JOIN redemption.audit_lot AS l USING (program_id, member_id)
       JOIN redemption.audit_closure AS c USING (program_id, member_id)
 WHERE l.remaining > 0 AND EXISTS (
           SELECT FROM redemption.audit_inbox AS i
            WHERE i.event_key = encode(substring(sha256(convert_to('/redemption' || E'\\x1f' || c.event_id, 'UTF8'))
                                                 FOR 16), 'hex')::uuid)
"""
CHECK = Check(
    7,
    "closed accounts",
    "a closed account is closed for both services at one instant, and holds no free point",
    by_sql(LOOKED_AT, DIFFERING),
)
