"""Settlement entries: what handed over units owe, and what units that came back no longer do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.redemption.domain.settlement import Owed, statement_period
from shared.runtime.postgres import Connection

BOOKS = """
    SELECT b.payee_kind, b.payee_id, b.closed_before
      FROM unnest($2::text[], $3::text[]) AS k (payee_kind, payee_id)
      JOIN settlement_book b ON b.program_id = $1 AND (b.payee_kind, b.payee_id) = (k.payee_kind, k.payee_id)
     ORDER BY b.payee_kind, b.payee_id
       FOR SHARE OF b
"""
_OPEN_BOOKS = """
    INSERT INTO settlement_book (program_id, payee_kind, payee_id)
    SELECT $1, payee_kind, payee_id FROM unnest($2::text[], $3::text[]) AS k (payee_kind, payee_id)
     ORDER BY payee_kind, payee_id
        ON CONFLICT DO NOTHING
"""
_ENTRIES = """
    INSERT INTO settlement_entry (
        program_id, payee_kind, payee_id, document, order_id, line_id, reward_id, movement, units, unit_price_minor,
        unit_fee_minor, currency, settlement, period, period_from, period_to, happened_at, cause_id)
    SELECT $1, payee_kind, payee_id, document, $2, line_id, reward_id, $3, units, unit_price_minor, unit_fee_minor,
           currency, settlement, period, period_from, period_to, $4, $5
      FROM unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[],
                  $13::bigint[], $14::text[], $15::text[], $16::text[], $17::date[], $18::date[])
           AS e (payee_kind, payee_id, document, line_id, reward_id, units, unit_price_minor, unit_fee_minor, currency,
                 settlement, period, period_from, period_to)
"""
TERMS = """
    SELECT line_id, payee_kind, payee_id, document, reward_id, units, unit_price_minor, unit_fee_minor, settlement,
           currency
      FROM settlement_entry
     WHERE order_id = $1 AND line_id = ANY($2::text[]) AND movement = 'fulfilled'
"""

Payee = tuple[str, str]  # kind and id


class Happening(NamedTuple):
    """The step of an order that owes or undoes: its event's id and time, and its day in the program's time zone."""

    event_id: UUID
    at: datetime
    day: date


async def note_settlement(
    connection: Connection, program_id: str, order_id: UUID, lines: Mapping[str, Owed], fulfilled: Happening
) -> None:
    """Owe for the lines of an order that were handed over (line id → terms), in the caller's transaction.

    Lines that owe nobody are left out by the caller. Call it after the wallet and stock are locked.
    """
    await _enter(connection, program_id, order_id, "fulfilled", lines, fulfilled)


async def undo_settlement(
    connection: Connection, program_id: str, order_id: UUID, units: Mapping[str, int], returned: Happening
) -> dict[str, Owed]:
    """Undo `units` units of lines (line id → units) that came back; answers what is no longer owed, line by line.

    Lines that owed nobody are not in the answer. An exchange notes the answer again, for its new order.
    """
    rows = await connection.fetch(TERMS, order_id, list(units))
    undone = {row["line_id"]: replace(_terms(row), units=units[row["line_id"]]) for row in rows}
    await _enter(connection, program_id, order_id, "returned", undone, returned)
    return undone


async def _enter(
    connection: Connection,
    program_id: str,
    order_id: UUID,
    movement: str,
    lines: Mapping[str, Owed],
    happening: Happening,
) -> None:
    if not lines:
        return
    closed = await _share_books(connection, program_id, {_payee(owed) for owed in lines.values()})
    rows = [_row(line_id, owed, max(happening.day, closed[_payee(owed)])) for line_id, owed in lines.items()]
    columns = zip(*rows, strict=True)
    await connection.execute(
        _ENTRIES, program_id, order_id, movement, happening.at, happening.event_id, *map(list, columns)
    )


def _row(line_id: str, owed: Owed, day: date) -> Sequence[object]:
    """An entry in the statement of `day`; a day of a closed statement was moved to the first open one."""
    return (
        owed.payee_kind,
        owed.payee_id,
        owed.document,
        line_id,
        owed.reward_id,
        owed.units,
        owed.unit_price_minor,
        owed.unit_fee_minor,
        owed.currency,
        owed.settlement,
        *statement_period(day, owed.settlement),
    )


async def _share_books(connection: Connection, program_id: str, payees: Iterable[Payee]) -> dict[Payee, date]:
    """The first day that is in no claimed statement, by payee, locked against a claim until the transaction ends."""
    wanted = sorted(payees)
    keys = (program_id, [kind for kind, _ in wanted], [payee_id for _, payee_id in wanted])
    found = await connection.fetch(BOOKS, *keys)
    if len(found) < len(wanted):
        await connection.execute(_OPEN_BOOKS, *keys)
        found = await connection.fetch(BOOKS, *keys)
    return {(row["payee_kind"], row["payee_id"]): row["closed_before"] for row in found}


def _payee(owed: Owed) -> Payee:
    return owed.payee_kind, owed.payee_id


def _terms(row: asyncpg.Record) -> Owed:
    return Owed(**{name: value for name, value in row.items() if name != "line_id"})
