"""Debits by correction: which are known, and writing what became of each."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from services.redemption.desk import Member, RedemptionDesk
from shared.runtime.postgres import Connection, Pool

KNOWN = """
SELECT k.debit_id FROM unnest($1::uuid[]) AS k (debit_id),
       LATERAL (SELECT FROM debit WHERE debit_id = k.debit_id OFFSET 0) AS there
"""
PAGE = """
SELECT debit_id, correction_id, asked, taken, short, code, debited_at FROM debit
 WHERE program_id = $1 AND member_id = $2
   AND (debited_at, debit_id) < (coalesce($3, 'infinity'::timestamptz),
                                 coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
 ORDER BY debited_at DESC, debit_id DESC
 LIMIT $5
"""
SAVE = """
INSERT INTO debit (debit_id, correction_id, program_id, member_id, asked, taken, short, code, debited_at)
SELECT d.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                       $8::text[], $9::timestamptz[]) AS d
"""


async def read_known_debits(connection: Connection, debits: Sequence[UUID]) -> set[UUID]:
    """Those of these that are in the books; asked only where a batch has some."""
    return {row["debit_id"] for row in await connection.fetch(KNOWN, debits)}


async def save_debits(connection: Connection, desk: RedemptionDesk) -> None:
    """After the wallets and lots, in their transaction; nothing where there is nothing."""
    if not desk.debits:
        return
    rows = [(booked, booked.outcome) for booked in desk.debits]
    await connection.execute(
        SAVE,
        [outcome.debit_id for _, outcome in rows],
        [booked.correction_id for booked, _ in rows],
        [booked.member[0] for booked, _ in rows],
        [booked.member[1] for booked, _ in rows],
        [outcome.asked for _, outcome in rows],
        [outcome.points - outcome.short for _, outcome in rows],
        [outcome.short for _, outcome in rows],
        [None if outcome.code is None else outcome.code.value for _, outcome in rows],
        [booked.debited_at for booked, _ in rows],
    )


async def read_debits(pool: Pool, member: Member, before: UUID | None, limit: int) -> list[asyncpg.Record]:
    """A page of the member's debits, newest first, from before the debit `before`; an unknown one starts anew."""
    at = None if before is None else await pool.fetchval("SELECT debited_at FROM debit WHERE debit_id = $1", before)
    return await pool.fetch(PAGE, *member, at, before if at else None, limit)
