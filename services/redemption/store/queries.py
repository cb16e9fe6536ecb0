"""What the API reads. Every list is paged by key, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.balance import Totals
from services.redemption.domain.wallet import Wallet
from services.redemption.outcomes import SOURCE, redeemed_event_id
from services.redemption.store.holds import with_holds
from services.redemption.store.lots import read_open_lots
from shared.events.cloudevent import event_key
from shared.runtime.postgres import Connection, Pool

LAST_ENTRY = 2**63 - 1

LOCK_WALLET = """
    SELECT program_id, member_id, deficit, waived, open_holds, closed_at FROM wallet
     WHERE program_id = $1 AND member_id = $2 FOR UPDATE
"""
BALANCE = """
    SELECT w.deficit, w.waived, service_now() AS as_of, totals.*
      FROM wallet w, LATERAL (
          SELECT coalesce(sum(points) FILTER (WHERE child_of IS NULL), 0)::bigint AS issued,
                 coalesce(sum(reserved), 0)::bigint AS reserved,
                 coalesce(sum(redeemed), 0)::bigint AS redeemed, coalesce(sum(expired), 0)::bigint AS expired,
                 coalesce(sum(forfeited), 0)::bigint + (
                     SELECT coalesce(sum(d.short), 0)::bigint FROM debit d
                      WHERE d.program_id = w.program_id AND d.member_id = w.member_id) AS forfeited,
                 coalesce(sum(recalled), 0)::bigint AS recalled,
                 coalesce(sum(held), 0)::bigint AS held,
                 coalesce(sum(points) FILTER (WHERE child_of IS NULL
                          AND source_type = 'greenpoints.correction.requested.v1'), 0)::bigint AS corrected
            FROM lot l WHERE l.program_id = w.program_id AND l.member_id = w.member_id) AS totals
     WHERE w.program_id = $1 AND w.member_id = $2
"""
JOURNAL_PAGE = """
    SELECT entry_id, lot_id, grant_id, from_account, to_account, points, cause_type, cause_id, business_time, posted_at,
           encode(row_hash, 'hex') AS row_hash
      FROM journal
     WHERE program_id = $1 AND member_id = $2 AND entry_id < $3
     ORDER BY entry_id DESC
     LIMIT $4
"""
_LOT_COLUMNS = """
    l.lot_id, l.grant_id, l.class, lot_state(l, service_now()) AS state, l.points, l.remaining, l.held, l.reserved,
    l.redeemed, l.clawed_back, l.set_off, l.expired, l.forfeited, l.recalled, l.granted_at, l.available_at,
    l.expires_at, l.budget_id, l.expected_cost_minor, l.currency, l.rule_version, l.correlation_id, l.source_type,
    l.source_id, l.merchant_id, l.receipt_id, l.other_member_id"""
LOT_PAGE = f"""
    SELECT {_LOT_COLUMNS}
      FROM lot l
     WHERE l.program_id = $1 AND l.member_id = $2
       AND (l.granted_at, l.lot_id) < (coalesce($3, 'infinity'::timestamptz),
                                       coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
     ORDER BY l.granted_at DESC, l.lot_id DESC
     LIMIT $5
"""  # noqa: S608 - the columns are ours
HOLD_PAGE = """
    SELECT h.hold_id, h.state, h.scope, h.grant_ids, h.asked, h.reason, h.deadline, h.case_id, h.placed_at, h.person,
           h.note, h.named_points, h.decided_at, h.bound, h.held, h.taken_back, h.forfeited, h.released,
           (SELECT coalesce(json_agg(json_build_object('lot_id', s.lot_id, 'points', s.points) ORDER BY s.lot_id), '[]')
              FROM hold_share s WHERE s.program_id = h.program_id AND s.member_id = h.member_id
               AND s.hold_id = h.hold_id AND s.points > 0) AS shares
      FROM hold h
     WHERE h.program_id = $1 AND h.member_id = $2 AND h.hold_id > $3
     ORDER BY h.hold_id
     LIMIT $4
"""
_REDEMPTION_COLUMNS = """
    SELECT redemption_id, program_id, member_id, points, reason, idempotency_key, body_hash, requested_at,
           available_before
      FROM redemption"""
REDEMPTION_BY_KEY = _REDEMPTION_COLUMNS + " WHERE program_id = $1 AND member_id = $2 AND idempotency_key = $3"
REDEMPTION = _REDEMPTION_COLUMNS + " WHERE redemption_id = $1"
# Allocations in the order in which they were spent, as the journal has it ($2: the key of points.redeemed): each
# reaches one lot, its grant and what that grant rewarded (C25). Nothing of it ever changes, so a repeated request is
# answered alike; the lot's date may move on and is not told here.
LOOK_THROUGH = """
    SELECT a.lot_id, a.points, l.grant_id, l.class, l.granted_at, l.budget_id, l.rule_version,
           l.granted_event_id, l.causation_id, l.correlation_id, l.source_type, l.source_id, l.merchant_id,
           l.receipt_id, l.other_member_id
      FROM allocation a JOIN lot l USING (lot_id)
      LEFT JOIN LATERAL (SELECT entry_id FROM journal
                          WHERE cause_key = $2 AND lot_id = a.lot_id AND to_account = 'redeemed' OFFSET 0) AS j ON true
     WHERE a.redemption_id = $1
     ORDER BY j.entry_id, l.lot_id
"""


@dataclass(frozen=True, slots=True)
class BalanceFacts:
    """One consistent reading; the wallet holds its open lots."""

    wallet: Wallet
    totals: Totals
    as_of: datetime


async def read_balance(pool: Pool, member: Member) -> BalanceFacts | None:
    """Wallet, open lots and totals from one snapshot; None for a member without wallet."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(BALANCE, *member)
        if row is None:
            return None
        empty = Wallet(*member, row["deficit"], row["waived"])
        filled = await read_open_lots(connection, {member: empty})
    return BalanceFacts(filled[member], _totals(row), row["as_of"])


async def read_totals(connection: Connection, member: Member) -> Totals:
    """Sums over all lots of the member; all 0 for a member without wallet."""
    row = await connection.fetchrow(BALANCE, *member)
    return Totals() if row is None else _totals(row)


def _totals(row: asyncpg.Record) -> Totals:
    return Totals(
        issued=row["issued"],
        reserved=row["reserved"],
        held=row["held"],
        redeemed=row["redeemed"],
        expired=row["expired"],
        forfeited=row["forfeited"],
        recalled=row["recalled"],
        corrected=row["corrected"],
    )


async def lock_wallet(connection: Connection, member: Member) -> RedemptionDesk | None:
    """The member's wallet under its lock, with its open lots; None for a member without wallet."""
    row = await connection.fetchrow(LOCK_WALLET, *member)
    if row is None:
        return None
    wallet = dict(row)
    holding = [member] if wallet.pop("open_holds") else []
    filled = await read_open_lots(connection, {member: Wallet(**wallet)})
    desk = RedemptionDesk(loaded=await with_holds(connection, filled, holding))
    desk.wallets = dict(desk.loaded)
    return desk


async def read_wallet(connection: Connection, member: Member) -> Wallet | None:
    """The wallet and its open lots without lock, as it was last posted; None for a member without wallet."""
    row = await connection.fetchrow(BALANCE, *member)
    if row is None:
        return None
    empty = Wallet(*member, row["deficit"], row["waived"])
    return (await read_open_lots(connection, {member: empty}))[member]


async def has_wallet(pool: Pool, member: Member) -> bool:
    return bool(await pool.fetchval("SELECT true FROM wallet WHERE program_id = $1 AND member_id = $2", *member))


async def read_journal(pool: Pool, member: Member, before: int | None, limit: int) -> list[asyncpg.Record]:
    return await pool.fetch(JOURNAL_PAGE, *member, LAST_ENTRY if before is None else before, limit)


async def read_lots(pool: Pool, member: Member, before: UUID | None, limit: int) -> list[asyncpg.Record]:
    """Lots granted before the lot `before`, newest first; an unknown `before` starts at the newest."""
    granted_at = None
    if before is not None:
        granted_at = await pool.fetchval("SELECT granted_at FROM lot WHERE lot_id = $1", before)
    return await pool.fetch(LOT_PAGE, *member, granted_at, before if granted_at else None, limit)


async def read_holds(pool: Pool, member: Member, after: str, limit: int) -> list[dict[str, Any]]:
    """A page of the member's holds, ended ones included, by id."""
    rows = await pool.fetch(HOLD_PAGE, *member, after, limit)
    return [{**row, "shares": orjson.loads(row["shares"])} for row in rows]


async def find_redemption(connection: Connection, member: Member, idempotency_key: str) -> asyncpg.Record | None:
    return await connection.fetchrow(REDEMPTION_BY_KEY, *member, idempotency_key)


async def read_redemption(
    connection: Connection, redemption_id: UUID
) -> tuple[asyncpg.Record, list[asyncpg.Record]] | None:
    """A redemption and its look-through; both are written once, so no snapshot is needed."""
    row = await connection.fetchrow(REDEMPTION, redemption_id)
    if row is None:
        return None
    told = event_key(SOURCE, str(redeemed_event_id(redemption_id)))
    return row, await connection.fetch(LOOK_THROUGH, redemption_id, told)


async def read_clock(connection: Connection) -> datetime:
    """The database clock, at the transaction's start."""
    now: datetime = await connection.fetchval("SELECT service_now()")
    return now
