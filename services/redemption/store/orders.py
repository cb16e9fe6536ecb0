"""Orders: written whole when placed, read under the wallet's lock, changed step by step."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.redemption.desk import Member
from services.redemption.domain.order import Booked, LineState, Order, OrderChange, OrderLine
from services.redemption.domain.standing import PurchasedLine
from shared.programs.expiry import business_day
from shared.runtime.postgres import Connection, Pool
from shared.runtime.statement import compile_sql

INSERT_ORDER = compile_sql(
    """
    WITH placed AS (
        INSERT INTO reward_order (order_id, program_id, member_id, redemption_id, exchanged_from, state, points,
                                  amount_minor, currency, price_version, ordered_on, quote_id, recipient_ref,
                                  idempotency_key, body_hash, placed_at)
        VALUES (:order::uuid, :program::text, :member::text, :redemption::uuid, :exchanged_from::uuid, :state::text,
                :points::bigint, :amount::bigint, :currency::text, :version::integer, :ordered_on::date, :quote::text,
                :recipient::text, :key::text, :body::bytea, :placed_at::timestamptz)
    )
    INSERT INTO order_line (order_id, line_id, reward_id, kind, quantity, units_per_claim, points, amount_minor, slot,
                            begins_at, free_until, no_show_points, return_days, exclusion_confirmed, state)
    SELECT :order::uuid, l.*, 'placed'
      FROM unnest(:line::text[], :reward::text[], :kind::text[], :quantity::integer[], :per_claim::integer[],
                  :line_points::bigint[], :line_amount::bigint[], :slot::text[], :begins_at::timestamptz[],
                  :free_until::timestamptz[], :no_show::bigint[], :return_days::integer[], :excluded::boolean[]) AS l
    """
)
# An order's state and lines as a step left them, and the step itself.
SAVE_STEP = compile_sql(
    """
    WITH moved AS (
        UPDATE reward_order SET state = :state::text WHERE order_id = :order::uuid AND state <> :state::text
    ), changed AS (
        UPDATE order_line AS l
           SET state = c.state, fulfilled_at = c.fulfilled_at, return_until = c.return_until, returned = c.returned,
               exchanged = c.exchanged
          FROM unnest(:line::text[], :line_state::text[], :fulfilled_at::timestamptz[], :return_until::timestamptz[],
                      :returned::integer[], :exchanged::integer[])
               AS c (line_id, state, fulfilled_at, return_until, returned, exchanged)
         WHERE l.order_id = :order::uuid AND l.line_id = c.line_id
    ), step AS (
        INSERT INTO order_change (change_id, order_id, kind, idempotency_key, body_hash, new_order_id, restoration_id,
                                  points, points_kept, amount_minor, defect, no_show, evidence_sha256, reason,
                                  changed_at)
        VALUES (:change::uuid, :order::uuid, :kind::text, :key::text, :body::bytea, :new_order::uuid,
                :restoration::uuid, :points::bigint, :points_kept::bigint, :amount::bigint, :defect::boolean,
                :no_show::boolean, :evidence::text, :reason::text, :changed_at::timestamptz)
    )
    INSERT INTO order_change_line (change_id, line_id, quantity, points, points_kept, amount_minor)
    SELECT :change::uuid, c.*
      FROM unnest(:line::text[], :quantity::integer[], :line_points::bigint[], :line_kept::bigint[],
                  :line_amount::bigint[]) AS c
    """
)
_ORDER = """
    SELECT order_id, program_id, member_id, redemption_id, exchanged_from, state, points, amount_minor, currency,
           price_version, ordered_on, quote_id, recipient_ref, idempotency_key, body_hash, placed_at
      FROM reward_order"""
ORDER_BY_ID = _ORDER + " WHERE order_id = $1"
ORDER_BY_KEY = _ORDER + " WHERE program_id = $1 AND member_id = $2 AND idempotency_key = $3"
ORDER_PAGE = (
    _ORDER
    + """
     WHERE program_id = $1 AND member_id = $2
       AND (placed_at, order_id) < (coalesce($3, 'infinity'::timestamptz),
                                    coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
     ORDER BY placed_at DESC, order_id DESC
     LIMIT $5
"""
)
LINES = """
    SELECT order_id, line_id, reward_id, kind, quantity, units_per_claim, points, amount_minor, slot, begins_at,
           free_until, no_show_points, return_days, exclusion_confirmed, state, fulfilled_at, return_until, returned,
           exchanged
      FROM order_line
     WHERE order_id = ANY($1::uuid[])
     ORDER BY order_id, length(line_id), line_id
"""
_CHANGE = """
    SELECT c.change_id, c.order_id, c.kind, c.idempotency_key, c.body_hash, c.new_order_id, c.restoration_id, c.points,
           c.points_kept, c.amount_minor, c.defect, c.no_show, c.evidence_sha256, c.reason, c.changed_at
      FROM order_change c"""
CHANGE_BY_KEY = _CHANGE + " WHERE c.order_id = $1 AND c.idempotency_key = $2"
SERVED = """
    SELECT merchant_id, receipt_id, line_id, labels, bought_at FROM purchased_line WHERE claim_id = $1
     ORDER BY bought_at, merchant_id, receipt_id, line_id
"""
CHANGES = _CHANGE + " WHERE c.order_id = $1 ORDER BY c.changed_at, c.change_id"
CHANGE_BY_ID = _CHANGE + " WHERE c.change_id = $1"
LAST_CHANGE = """
    SELECT change_id FROM order_change
     WHERE order_id = $1 AND kind = $2 AND (no_show OR NOT $3::boolean)
     ORDER BY changed_at DESC, change_id LIMIT 1
"""
CHANGE_LINES = """
    SELECT change_id, line_id, quantity, points, points_kept, amount_minor
      FROM order_change_line
     WHERE change_id = ANY($1::uuid[])
     ORDER BY change_id, length(line_id), line_id
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A change of an order on its way into the books, and who asked for it under which key."""

    change_id: UUID
    kind: str
    change: OrderChange
    idempotency_key: str
    body_hash: bytes
    reason: str
    changed_at: datetime
    restoration_id: UUID | None = None
    new_order_id: UUID | None = None
    defect: bool = False
    no_show: bool = False
    evidence_sha256: str | None = None


async def insert_order(connection: Connection, order: Order, idempotency_key: str, body_hash: bytes) -> None:
    """Write a new order with its lines; its debit may follow in the same transaction."""
    lines = list(order.lines.values())
    booked = [line.booked for line in lines]
    arguments = {
        "order": order.order_id,
        "program": order.program_id,
        "member": order.member_id,
        "redemption": order.redemption_id,
        "exchanged_from": order.exchanged_from,
        "state": order.state,
        "points": order.points,
        "amount": order.amount_minor,
        "currency": order.currency,
        "version": order.price_version,
        "ordered_on": order.ordered_on,
        "quote": order.quote_id,
        "recipient": order.recipient_ref,
        "key": idempotency_key,
        "body": body_hash,
        "placed_at": order.placed_at,
        "line": [line.line_id for line in lines],
        "reward": [line.reward_id for line in lines],
        "kind": [line.kind for line in lines],
        "quantity": [line.quantity for line in lines],
        "per_claim": [line.units_per_claim for line in lines],
        "line_points": [line.points for line in lines],
        "line_amount": [line.amount_minor for line in lines],
        "slot": [each and each.slot for each in booked],
        "begins_at": [each and each.begins_at for each in booked],
        "free_until": [each and each.free_until for each in booked],
        "no_show": [each.no_show_points if each else 0 for each in booked],
        "return_days": [line.return_days for line in lines],
        "excluded": [line.exclusion_confirmed for line in lines],
    }
    await connection.execute(INSERT_ORDER.sql, *INSERT_ORDER.arguments(arguments))


async def save_step(connection: Connection, step: Step) -> None:
    """Write what a step made of its order."""
    change, lines = step.change, [each.line for each in step.change.lines]
    arguments = {
        "order": change.order.order_id,
        "state": change.order.state,
        "change": step.change_id,
        "kind": step.kind,
        "key": step.idempotency_key,
        "body": step.body_hash,
        "new_order": step.new_order_id,
        "restoration": step.restoration_id,
        "points": change.points,
        "points_kept": change.points_kept,
        "amount": change.amount_minor,
        "defect": step.defect,
        "no_show": step.no_show,
        "evidence": step.evidence_sha256,
        "reason": step.reason,
        "changed_at": step.changed_at,
        "line": [line.line_id for line in lines],
        "line_state": [line.state for line in lines],
        "fulfilled_at": [line.fulfilled_at for line in lines],
        "return_until": [line.return_until for line in lines],
        "returned": [line.returned for line in lines],
        "exchanged": [line.exchanged for line in lines],
        "quantity": [each.quantity for each in change.lines],
        "line_points": [each.points for each in change.lines],
        "line_kept": [each.points_kept for each in change.lines],
        "line_amount": [each.amount_minor for each in change.lines],
    }
    await connection.execute(SAVE_STEP.sql, *SAVE_STEP.arguments(arguments))


async def find_order(connection: Connection, member: Member, idempotency_key: str) -> asyncpg.Record | None:
    return await connection.fetchrow(ORDER_BY_KEY, *member, idempotency_key)


async def read_order_row(connection: Connection | Pool, order_id: UUID) -> asyncpg.Record | None:
    return await connection.fetchrow(ORDER_BY_ID, order_id)


async def read_order(connection: Connection, order_id: UUID) -> Order | None:
    """The order as it is now; under its member's wallet lock it stays so."""
    row = await connection.fetchrow(ORDER_BY_ID, order_id)
    if row is None:
        return None
    lines = await connection.fetch(LINES, [order_id])
    return Order(
        order_id=row["order_id"],
        program_id=row["program_id"],
        member_id=row["member_id"],
        redemption_id=row["redemption_id"],
        currency=row["currency"],
        price_version=row["price_version"],
        ordered_on=row["ordered_on"],
        placed_at=row["placed_at"],
        lines={line["line_id"]: _line(dict(line)) for line in lines},
        exchanged_from=row["exchanged_from"],
        quote_id=row["quote_id"],
        recipient_ref=row["recipient_ref"],
    )


async def read_lines(connection: Connection | Pool, orders: list[UUID]) -> dict[UUID, list[asyncpg.Record]]:
    return _grouped(await connection.fetch(LINES, orders), orders, "order_id")


async def read_orders(pool: Pool, member: Member, before: UUID | None, limit: int) -> list[asyncpg.Record]:
    """Orders placed before the order `before`, newest first; an unknown `before` starts at the newest."""
    placed_at = None
    if before is not None:
        placed_at = await pool.fetchval("SELECT placed_at FROM reward_order WHERE order_id = $1", before)
    return await pool.fetch(ORDER_PAGE, *member, placed_at, before if placed_at else None, limit)


async def find_change(connection: Connection, order_id: UUID, idempotency_key: str) -> asyncpg.Record | None:
    return await connection.fetchrow(CHANGE_BY_KEY, order_id, idempotency_key)


async def last_change(connection: Connection, order_id: UUID, kind: str, *, no_show: bool) -> UUID | None:
    """The newest of this kind; of cancellations only those because nobody came, if it is asked for a `no_show`."""
    found: UUID | None = await connection.fetchval(LAST_CHANGE, order_id, kind, no_show)
    return found


async def read_served(connection: Connection, claim_id: UUID, zone: ZoneInfo) -> tuple[PurchasedLine, ...]:
    """The purchased lines that made eligible for a claim."""
    return tuple(
        PurchasedLine(
            row["merchant_id"],
            row["receipt_id"],
            row["line_id"],
            frozenset(row["labels"]),
            business_day(row["bought_at"], zone),
        )
        for row in await connection.fetch(SERVED, claim_id)
    )


async def read_change(pool: Pool, change_id: UUID) -> tuple[asyncpg.Record, list[asyncpg.Record]]:
    """A step that was done, and its lines; both are written once."""
    row = await pool.fetchrow(CHANGE_BY_ID, change_id)
    assert row is not None  # noqa: S101 - the caller has its id from the books
    return row, await pool.fetch(CHANGE_LINES, [change_id])


async def read_changes(
    connection: Connection | Pool, order_id: UUID
) -> list[tuple[asyncpg.Record, list[asyncpg.Record]]]:
    """Every step of an order with its lines, the first one first."""
    changes = await connection.fetch(CHANGES, order_id)
    ids = [change["change_id"] for change in changes]
    lines = _grouped(await connection.fetch(CHANGE_LINES, ids), ids, "change_id")
    return [(change, lines[change["change_id"]]) for change in changes]


def _grouped(rows: list[asyncpg.Record], keys: list[UUID], column: str) -> dict[UUID, list[asyncpg.Record]]:
    groups: dict[UUID, list[asyncpg.Record]] = {key: [] for key in keys}
    for row in rows:
        groups[row[column]].append(row)
    return groups


def _line(columns: dict[str, Any]) -> OrderLine:
    columns.pop("order_id")
    slot, begins_at, free_until, no_show_points = (
        columns.pop(name) for name in ("slot", "begins_at", "free_until", "no_show_points")
    )
    booked = None if slot is None else Booked(slot, begins_at, free_until, no_show_points)
    return OrderLine(**{**columns, "state": LineState(columns["state"]), "booked": booked})
