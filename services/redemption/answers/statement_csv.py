"""A statement as CSV (RFC 4180): one row per order line handed over or returned, money in the currency's own units."""

import csv
import io
from collections.abc import AsyncIterator, Mapping

import asyncpg
from babel.numbers import get_currency_precision

from services.redemption.store.statements import StatementName

COLUMNS = (
    "program_id", "payee_kind", "payee_id", "period", "document", "order_id", "line_id", "reward_id", "movement",
    "happened_at", "units", "unit_price", "unit_fee", "price", "fee", "owed", "currency",
)  # fmt: skip
_ROWS_AT_ONCE = 500


async def statement_csv(name: StatementName, entries: AsyncIterator[asyncpg.Record]) -> AsyncIterator[bytes]:
    """The file in pieces: units and sums of what was returned are negative, so that every column adds up."""
    text = io.StringIO()
    written = csv.writer(text)
    written.writerow(COLUMNS)
    waiting = 0
    async for entry in entries:
        written.writerow(_row(name, dict(entry)))
        waiting += 1
        if waiting == _ROWS_AT_ONCE:
            yield _taken(text)
            waiting = 0
    yield _taken(text)


def _row(name: StatementName, entry: Mapping[str, object]) -> list[object]:
    units = int(str(entry["units"])) * (1 if entry["movement"] == "fulfilled" else -1)
    price, fee = int(str(entry["unit_price_minor"])), int(str(entry["unit_fee_minor"]))
    currency = str(entry["currency"])
    money = (price, fee, units * price, units * fee, units * (price - fee))
    told = (entry["document"], entry["order_id"], entry["line_id"], entry["reward_id"], entry["movement"])
    happened_at = entry["happened_at"].isoformat()  # type: ignore[attr-defined]
    return [*map(_plain, (*name, *told)), happened_at, units, *(_exact(sum_, currency) for sum_ in money), currency]


def _plain(value: object) -> str:
    """Text that a spreadsheet shows and never reckons: a name may begin with a sign."""
    text = str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


def _exact(minor: int, currency: str) -> str:
    """Such as 940.80; exact, from whole minor units."""
    digits = get_currency_precision(currency)
    whole, rest = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}" + (f".{rest:0{digits}}" if digits else "")


def _taken(text: io.StringIO) -> bytes:
    piece = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return piece
