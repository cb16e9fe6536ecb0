"""What the redeemability index counts (M45): balances that reach a reward, refusals, time to fulfil."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from shared.runtime.postgres import Connection

TIERS = """
    SELECT DISTINCT tier_id FROM tier_told WHERE program_id = $1 AND tier_id IS NOT NULL
"""
# $2 and $3: the least points with which each tier ('' = none) can have something; a tier not named can have nothing.
# Listed parties may redeem nothing (C27); what holds bind is outstanding, and cannot be spent today.
SPENDABLE = """
    WITH balance AS (
        SELECT member_id, sum(remaining) AS points
          FROM lot WHERE program_id = $1 AND remaining > 0 AND lot_state(lot, service_now()) = 'available'
         GROUP BY member_id
    ), held AS (
        SELECT coalesce(sum(held + reserved), 0) AS points FROM lot WHERE program_id = $1 AND held + reserved > 0
    ), tier AS (
        SELECT DISTINCT ON (member_id) member_id, tier_id
          FROM tier_told WHERE program_id = $1 AND effective_at <= service_now()
         ORDER BY member_id, effective_at DESC, place DESC
    ), reach AS (
        SELECT b.points, b.points >= r.least AND NOT coalesce(m.listed_party, false) AS reaches
          FROM balance b
          LEFT JOIN tier t USING (member_id)
          LEFT JOIN unnest($2::text[], $3::bigint[]) AS r (tier_id, least) ON r.tier_id = coalesce(t.tier_id, '')
          LEFT JOIN member m ON m.program_id = $1 AND m.member_id = b.member_id
    )
    SELECT coalesce(sum(points), 0)::bigint + (SELECT points FROM held)::bigint AS outstanding,
           coalesce(sum(points) FILTER (WHERE reaches), 0)::bigint AS spendable,
           count(*) AS members, count(*) FILTER (WHERE reaches) AS members_that_reach
      FROM reach
"""
REFUSALS = """
    SELECT code, subject, count(*) AS refusals, count(DISTINCT nullif(member_id, '')) AS members
      FROM refusal WHERE program_id = $1 AND requested_at >= $2
     GROUP BY code, subject ORDER BY refusals DESC, code, subject
"""
STOCK_REFUSALS = """
    SELECT reward_id, count(*) AS refusals
      FROM refusal
     WHERE program_id = $1 AND requested_at >= $2 AND code = 'OUT_OF_STOCK' AND reward_id IS NOT NULL
     GROUP BY reward_id ORDER BY refusals DESC, reward_id
"""
# Seconds from placing to handing over, whole; and what waits.
FULFILMENT = """
    SELECT l.kind, count(*) FILTER (WHERE l.state = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE l.state = 'placed') AS waiting,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE l.state = 'fulfilled') AS half_within,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE l.state = 'fulfilled') AS most_within,
           max(seconds) FILTER (WHERE l.state = 'placed') AS oldest_waits
      FROM reward_order o JOIN order_line l USING (order_id),
           LATERAL (SELECT ceil(extract(epoch FROM coalesce(l.fulfilled_at, service_now()) - o.placed_at))::bigint
                           AS seconds) AS took
     WHERE o.program_id = $1 AND (l.state = 'placed' OR (l.state = 'fulfilled' AND l.fulfilled_at >= $2))
     GROUP BY l.kind ORDER BY l.kind
"""


async def read_tiers(connection: Connection, program_id: str) -> list[str]:
    return [row["tier_id"] for row in await connection.fetch(TIERS, program_id)]


async def read_spendable(connection: Connection, program_id: str, least: Mapping[str | None, int]) -> asyncpg.Record:
    """Outstanding points, and those of balances that reach `least` of their tier (None: of members without one)."""
    row = await connection.fetchrow(SPENDABLE, program_id, [tier or "" for tier in least], list(least.values()))
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row


async def read_refusals(connection: Connection, program_id: str, since: datetime) -> list[asyncpg.Record]:
    return await connection.fetch(REFUSALS, program_id, since)


async def read_stock_refusals(connection: Connection, program_id: str, since: datetime) -> list[asyncpg.Record]:
    return await connection.fetch(STOCK_REFUSALS, program_id, since)


async def read_fulfilment(connection: Connection, program_id: str, since: datetime) -> list[asyncpg.Record]:
    return await connection.fetch(FULFILMENT, program_id, since)
