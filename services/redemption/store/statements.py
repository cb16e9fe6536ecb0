"""Statements: the settlement entries of one payee and period, and the claim that matched them."""

from collections.abc import AsyncIterator
from datetime import date
from typing import NamedTuple
from uuid import UUID

import asyncpg

from shared.runtime.postgres import Connection, Pool

_SIGNED = "CASE movement WHEN 'fulfilled' THEN units ELSE -units END"

# Newest period first; a page goes on after the statement it ended with.
STATEMENTS = f"""
    SELECT e.*, c.claim_id, c.claimed_at, c.document AS payment_document, c.paid_on
      FROM (SELECT payee_kind, payee_id, period, period_from, period_to, currency,
                   sum(units) FILTER (WHERE movement = 'fulfilled') AS fulfilled,
                   coalesce(sum(units) FILTER (WHERE movement = 'returned'), 0) AS returned,
                   sum({_SIGNED} * (unit_price_minor - unit_fee_minor)) AS owed_minor
              FROM settlement_entry
             WHERE program_id = $1 AND ($2::text IS NULL OR payee_kind = $2) AND ($3::text IS NULL OR payee_id = $3)
               AND ($4::text IS NULL OR (period_from, payee_kind, payee_id, period) < (
                    SELECT period_from, payee_kind, payee_id, period FROM settlement_entry
                     WHERE program_id = $1 AND (payee_kind, payee_id, period) = ($4, $5, $6) LIMIT 1))
             GROUP BY payee_kind, payee_id, period, period_from, period_to, currency
             ORDER BY period_from DESC, payee_kind DESC, payee_id DESC, period DESC
             LIMIT $7) AS e
      LEFT JOIN settlement_claim c
        ON c.program_id = $1 AND (c.payee_kind, c.payee_id, c.period) = (e.payee_kind, e.payee_id, e.period)
     ORDER BY e.period_from DESC, e.payee_kind DESC, e.payee_id DESC, e.period DESC
"""  # noqa: S608 - the expression is ours
# What one statement says, reward by reward and price by price.
STATEMENT_LINES = f"""
    SELECT reward_id, document, unit_price_minor, unit_fee_minor, currency, period_from, period_to,
           coalesce(sum(units) FILTER (WHERE movement = 'fulfilled'), 0) AS fulfilled,
           coalesce(sum(units) FILTER (WHERE movement = 'returned'), 0) AS returned,
           sum({_SIGNED} * unit_price_minor) AS price_minor,
           sum({_SIGNED} * unit_fee_minor) AS fee_minor,
           sum({_SIGNED} * (unit_price_minor - unit_fee_minor)) AS owed_minor
      FROM settlement_entry
     WHERE program_id = $1 AND payee_kind = $2 AND payee_id = $3 AND period = $4
     GROUP BY reward_id, document, unit_price_minor, unit_fee_minor, currency, period_from, period_to
     ORDER BY reward_id, document, unit_price_minor, unit_fee_minor
"""  # noqa: S608 - the expression is ours
ENTRIES = """
    SELECT entry_id, document, order_id, line_id, reward_id, movement, units, unit_price_minor, unit_fee_minor,
           currency, happened_at
      FROM settlement_entry
     WHERE program_id = $1 AND payee_kind = $2 AND payee_id = $3 AND period = $4 AND entry_id > $5
     ORDER BY entry_id LIMIT $6
"""
_CLAIM_COLUMNS = """
    SELECT claim_id, program_id, payee_kind, payee_id, period, period_from, period_to, units, owed_minor, currency,
           person, claimed_at, document, paid_on, paid_by, body_hash, payment_key, payment_hash
      FROM settlement_claim
"""
CLAIM_OF_STATEMENT = _CLAIM_COLUMNS + " WHERE program_id = $1 AND payee_kind = $2 AND payee_id = $3 AND period = $4"
CLAIM_BY_KEY = _CLAIM_COLUMNS + " WHERE program_id = $1 AND idempotency_key = $2"
CLAIM = _CLAIM_COLUMNS + " WHERE claim_id = $1"
_DONATED = f"""
    SELECT payee_id AS agreement_id, reward_id, currency, sum({_SIGNED}) AS units,
           sum({_SIGNED} * (unit_price_minor - unit_fee_minor)) AS donated_minor
      FROM settlement_entry
     WHERE program_id = $1 AND payee_kind = 'donation'
     GROUP BY payee_id, reward_id, currency
     ORDER BY payee_id, reward_id
"""  # noqa: S608 - the expression is ours
_PAGE = 1000


class StatementName(NamedTuple):
    """Names one statement; `period` is 2026-12 or 2026-W49."""

    program_id: str
    payee_kind: str
    payee_id: str
    period: str


async def read_statements(
    pool: Pool, program_id: str, kind: str | None, payee_id: str | None, after: StatementName | None, limit: int
) -> list[asyncpg.Record]:
    last = after[1:] if after is not None else (None, None, None)
    return await pool.fetch(STATEMENTS, program_id, kind, payee_id, *last, limit)


async def read_lines(connection: Connection | Pool, name: StatementName) -> list[asyncpg.Record]:
    """By reward and terms; empty for a statement in which nothing happened."""
    return await connection.fetch(STATEMENT_LINES, *name)


async def read_entries(pool: Pool, name: StatementName, after: int, limit: int) -> list[asyncpg.Record]:
    return await pool.fetch(ENTRIES, *name, after, limit)


async def every_entry(pool: Pool, name: StatementName) -> AsyncIterator[asyncpg.Record]:
    """All entries in order, read in pages so that no connection waits for a slow reader."""
    after = 0
    while rows := await read_entries(pool, name, after, _PAGE):
        for row in rows:
            yield row
        after = rows[-1]["entry_id"]


async def find_claim_of(connection: Connection | Pool, name: StatementName) -> asyncpg.Record | None:
    return await connection.fetchrow(CLAIM_OF_STATEMENT, *name)


async def find_claim_by_key(connection: Connection, program_id: str, idempotency_key: str) -> asyncpg.Record | None:
    return await connection.fetchrow(CLAIM_BY_KEY, program_id, idempotency_key)


async def find_claim(connection: Connection | Pool, claim_id: UUID, *, lock: bool = False) -> asyncpg.Record | None:
    return await connection.fetchrow(CLAIM + (" FOR UPDATE" if lock else ""), claim_id)


async def lock_book(connection: Connection, name: StatementName) -> None:
    """Wait for the entries under way and keep new ones out until the transaction ends."""
    await connection.execute(
        "SELECT FROM settlement_book WHERE program_id = $1 AND payee_kind = $2 AND payee_id = $3 FOR UPDATE", *name[:3]
    )


async def close_statement(connection: Connection, name: StatementName, period_to: date) -> None:
    """What comes later for days before `period_to` goes into the first statement after it."""
    await connection.execute(
        """
        UPDATE settlement_book SET closed_before = greatest(closed_before, $4)
         WHERE program_id = $1 AND payee_kind = $2 AND payee_id = $3
        """,
        *name[:3],
        period_to,
    )


async def read_donated(pool: Pool, program_id: str) -> list[asyncpg.Record]:
    """What fulfilled donations gave, less those taken back, by agreement and reward."""
    return await pool.fetch(_DONATED, program_id)
