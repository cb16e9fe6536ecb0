"""Figures for the report beside the checks: the books' totals, what became of events, what is under way."""

from services.operator.audit.evidence import Evidence

_ACCOUNTS = """
SELECT coalesce(sum(issued), 0)::bigint AS issued, coalesce(sum(pending), 0)::bigint AS pending,
       coalesce(sum(available), 0)::bigint AS available, coalesce(sum(held), 0)::bigint AS held,
       coalesce(sum(reserved), 0)::bigint AS reserved,
       coalesce(sum(redeemed), 0)::bigint AS redeemed, coalesce(sum(expired), 0)::bigint AS expired,
       coalesce(sum(forfeited), 0)::bigint AS forfeited, coalesce(sum(clawed_back), 0)::bigint AS clawed_back,
       coalesce(sum(deficit), 0)::bigint AS deficit, coalesce(sum(waived), 0)::bigint AS waived
  FROM (SELECT program_id, CASE WHEN child_of IS NULL THEN points ELSE 0 END AS issued,
               CASE WHEN posted_state = 'pending' THEN remaining ELSE 0 END AS pending,
               CASE WHEN posted_state = 'available' THEN remaining ELSE 0 END AS available, held, reserved, redeemed,
               expired, forfeited, 0 AS clawed_back, 0 AS deficit, 0 AS waived
          FROM redemption.audit_lot
        UNION ALL
        SELECT program_id, 0, 0, 0, 0, 0, 0, 0, 0, points, 0, 0 FROM redemption.audit_claw_back
        UNION ALL -- debits by correction that no lot could pay
        SELECT program_id, 0, 0, 0, 0, 0, 0, 0, short, 0, 0, 0 FROM redemption.audit_debit
        UNION ALL
        SELECT program_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, deficit, waived FROM redemption.audit_wallet) AS books
 WHERE $1::text[] IS NULL OR program_id = ANY($1)
"""
# Decisions carry their program; records that were never applied (and their counts) belong to all programs.
_OUTCOMES = """
SELECT outcome, sum(records)::bigint AS records
  FROM (SELECT program_id, outcome, count(*) AS records FROM earning.audit_decision GROUP BY 1, 2
        UNION ALL
        SELECT program_id, 'waiting', count(*) FROM earning.audit_waiting GROUP BY 1
        UNION ALL
        SELECT NULL, fate, sum(records)
          FROM earning.audit_offset, LATERAL (VALUES
               ('duplicate', duplicate), ('ignored', ignored), ('forwarded or put to wait', forwarded),
               ('dead-lettered', dead_lettered)) AS f (fate, records)
         GROUP BY fate) AS told
 WHERE $1::text[] IS NULL OR program_id IS NULL OR program_id = ANY($1)
 GROUP BY outcome ORDER BY outcome
"""
_UNDER_WAY = """
SELECT place, count(*) AS events
  FROM (SELECT CASE WHEN EXISTS (SELECT FROM earning.audit_outbox AS o WHERE o.event_id = told.event_id)
                    THEN 'in earning''s outbox'
                    WHEN EXISTS (SELECT FROM redemption.audit_dead_letter_event AS d
                                  WHERE d.event_id = told.event_id AND d.state <> 'replayed')
                    THEN 'in redemption''s dead letters'
                    ELSE 'in points.grants.v1, to be read' END AS place
          FROM (SELECT program_id, grant_id AS event_id FROM earning.audit_grant AS g
                 WHERE NOT EXISTS (SELECT FROM redemption.audit_lot AS l WHERE l.lot_id = g.grant_id)
                UNION ALL
                SELECT program_id, claw_back_id FROM earning.audit_claw_back AS c
                 WHERE NOT EXISTS (SELECT FROM redemption.audit_claw_back AS r WHERE r.claw_back_id = c.claw_back_id)
               ) AS told
         WHERE $1::text[] IS NULL OR program_id = ANY($1)) AS placed
 GROUP BY place ORDER BY place
"""


async def read_accounts(evidence: Evidence) -> dict[str, int]:
    """The terms of invariant 1 in redemption's books, in points."""
    (row,) = await evidence.rows(_ACCOUNTS, evidence.programs)
    return dict(row)


async def read_outcomes(evidence: Evidence) -> dict[str, int]:
    """How many of earning's inbound records became what (invariant 2)."""
    return {row["outcome"]: row["records"] for row in await evidence.rows(_OUTCOMES, evidence.programs)}


async def read_under_way(evidence: Evidence) -> dict[str, int]:
    """Grants and claw-backs that earning posted and redemption has not booked, by place."""
    return {row["place"]: row["events"] for row in await evidence.rows(_UNDER_WAY, evidence.programs)}
