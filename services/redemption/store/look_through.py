"""What a look-through reads: the lots that paid for a redemption, and what it was spent on (C25)."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.runtime.postgres import Pool

SPENT = """
    SELECT redemption_id, program_id, member_id, points, reason, idempotency_key, requested_at
      FROM redemption WHERE redemption_id = $1
"""
# A child lot has its parent's grant, so its way is the same.
SOURCES = """
    SELECT a.lot_id, a.points,
           (SELECT coalesce(sum(s.points), 0) FROM restored_share s
             WHERE s.redemption_id = a.redemption_id AND s.lot_id = a.lot_id)::bigint AS given_back,
           l.grant_id, l.class, l.program_id, l.member_id, l.granted_at, l.granted_event_id, l.causation_id,
           l.rule_version, l.source_type, l.source_id, l.merchant_id, l.receipt_id, l.other_member_id, l.budget_id,
           l.currency, l.expected_cost_minor * a.points / l.points AS cost_minor
      FROM allocation a JOIN lot l USING (lot_id)
     WHERE a.redemption_id = $1
     ORDER BY l.expires_at NULLS LAST, l.granted_at, l.lot_id
"""
ORDER_LINES = """
    SELECT o.order_id, o.exchanged_from, o.placed_at, o.recipient_ref IS NOT NULL AS for_a_friend, l.line_id,
           l.reward_id, l.kind, l.quantity, l.points, l.amount_minor, o.currency, l.state, l.returned, l.exchanged
      FROM reward_order o JOIN order_line l USING (order_id)
     WHERE o.redemption_id = $1
     ORDER BY o.placed_at, o.order_id, l.line_id
"""
SETTLED = """
    SELECT e.order_id, e.line_id, e.payee_kind, e.payee_id, e.document, e.period, e.movement, e.units,
           e.unit_price_minor, e.unit_fee_minor, e.currency, e.happened_at
      FROM reward_order o JOIN settlement_entry e USING (order_id)
     WHERE o.redemption_id = $1
     ORDER BY e.entry_id
"""
# A capture's debit has its authorization's id in its key: no index on the authorizations, which a till would pay for.
PAID_BILLS = """
    SELECT authorization_id, merchant_id, receipt_id, captured_points, captured_minor, refunded_minor, given_back,
           currency, ended_at AS captured_at
      FROM point_authorization
     WHERE redemption_id = $1 AND authorization_id = (
           SELECT substring(idempotency_key FROM '^authorization ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$')::uuid
             FROM redemption WHERE redemption_id = $1)
"""


@dataclass(frozen=True, slots=True)
class LookThroughRows:
    """One redemption as the books hold it; the rows' columns are those of the statements above."""

    spent: asyncpg.Record
    sources: list[asyncpg.Record]
    order_lines: list[asyncpg.Record]
    settled: list[asyncpg.Record]
    paid_bills: list[asyncpg.Record]


async def read_look_through(pool: Pool, redemption_id: UUID) -> LookThroughRows | None:
    """Everything of one instant; None for an unknown redemption."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        spent = await connection.fetchrow(SPENT, redemption_id)
        if spent is None:
            return None
        return LookThroughRows(
            spent,
            await connection.fetch(SOURCES, redemption_id),
            await connection.fetch(ORDER_LINES, redemption_id),
            await connection.fetch(SETTLED, redemption_id),
            await connection.fetch(PAID_BILLS, redemption_id),
        )
