"""Reads UCI's Online Retail table (doi:10.1057/dbm.2012.17) invoice by invoice, in order of time.

Quirks of the file that are kept as they are: exact duplicate rows are really repeated lines, the rows of one
invoice may stand apart and span two minutes, a customer or a description may be missing.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

SHOP_TIME_ZONE = ZoneInfo("Europe/London")

# The names in the two tables UCI publishes, spelled without case, blanks and underscores.
_HEADERS = {
    "invoice_no": ("invoiceno", "invoice"),
    "stock_code": ("stockcode",),
    "description": ("description",),
    "quantity": ("quantity",),
    "invoice_date": ("invoicedate",),
    "unit_price": ("unitprice", "price"),
    "customer_id": ("customerid",),
    "country": ("country",),
}
_TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M")


class TableError(Exception):
    """The file cannot be read as the Online Retail table; the message names the row and what is wrong."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: pieces (negative in a cancellation) at a price in pounds; `net_minor` is in pence."""

    stock_code: str
    description: str
    quantity: int
    unit_price: Decimal

    @property
    def net_minor(self) -> int:
        """Quantity × price, each line rounded half up to the penny (events.md, "Inbound data")."""
        return _pence(self.quantity * self.unit_price)

    @property
    def unit_price_minor(self) -> int:
        """The price of one piece, rounded half up to the penny."""
        return _pence(self.unit_price)


@dataclass(frozen=True, slots=True)
class Invoice:
    """All rows of one invoice number, in file order; `time` (UTC) is its first row's."""

    number: str
    time: datetime
    customer_id: str | None
    country: str
    lines: tuple[Line, ...]

    @property
    def is_cancellation(self) -> bool:
        return self.number[:1] in ("C", "c")

    @property
    def total_minor(self) -> int:
        """Sum of the rounded lines in pence."""
        return sum(line.net_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Row:
    invoice_no: str
    time: datetime
    customer_id: str | None
    country: str
    line: Line


@dataclass(frozen=True, slots=True)
class _Index:
    """What a first pass learns: rows per invoice, and whether the file is in order of time."""

    rows: Counter[str]
    ordered: bool


def read_invoices(path: Path) -> Iterator[Invoice]:
    """Every invoice of the file once, complete, in order of time and then of first appearance.

    Reads it twice and so holds only unfinished invoices (all, if times go back). Raises TableError.
    """
    index = _index(path)
    invoices = _complete_invoices(path, index.rows)
    if index.ordered:
        yield from invoices
    else:
        yield from sorted(invoices, key=lambda invoice: invoice.time)


def count_invoices(path: Path) -> int:
    """How many invoices read_invoices() gives. Raises TableError."""
    return len(_index(path).rows)


def fingerprint(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex: tells whether a resumed replay reads the same file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _index(path: Path) -> _Index:
    counts: Counter[str] = Counter()
    ordered = True
    latest = datetime.min.replace(tzinfo=UTC)
    for row in _rows(path):
        if row.invoice_no not in counts:
            ordered = ordered and latest <= row.time
            latest = row.time
        counts[row.invoice_no] += 1
    return _Index(counts, ordered)


def _complete_invoices(path: Path, row_counts: Counter[str]) -> Iterator[Invoice]:
    """Invoices in order of first appearance; one whose rows stand apart holds back those behind it."""
    waiting: dict[str, list[_Row]] = {}
    for row in _rows(path):
        waiting.setdefault(row.invoice_no, []).append(row)
        while waiting:
            oldest = next(iter(waiting))
            if len(waiting[oldest]) < row_counts[oldest]:
                break
            yield _invoice(waiting.pop(oldest))


def _invoice(rows: Sequence[_Row]) -> Invoice:
    first = rows[0]
    return Invoice(
        number=first.invoice_no,
        time=first.time,
        customer_id=first.customer_id,
        country=first.country,
        lines=tuple(row.line for row in rows),
    )


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    if path.suffix.lower() in (".xlsx", ".xls", ".zip"):
        raise TableError(f"{path.name} is not a CSV file: save the sheet as CSV (UTF-8), gzip it if you like.")
    with path.open("rb") as probe:
        compressed = probe.read(2) == b"\x1f\x8b"
    # A name is never an identity, so a byte that is not UTF-8 may be replaced.
    if compressed:
        with gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as stream:
            yield stream
    else:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            yield stream


def _rows(path: Path) -> Iterator[_Row]:
    with _open_text(path) as stream:
        reader = csv.reader(stream)
        columns = _columns(next(reader, []), path)
        times = _Times()
        for cells in reader:
            if cells:
                try:
                    yield _row(cells, columns, times)
                except (IndexError, ValueError, InvalidOperation) as error:
                    where = f"{path.name}, line {reader.line_num}"
                    raise TableError(f"{where}: {_reason(error)}. Correct it or download the file again.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, IndexError):
        return "the row has too few cells"
    if isinstance(error, InvalidOperation):
        return "the price is not a number"
    return str(error)


def _columns(header: Sequence[str], path: Path) -> tuple[int, ...]:
    found = {"".join(name.split()).replace("_", "").lower(): place for place, name in enumerate(header)}
    places = []
    for column, names in _HEADERS.items():
        place = next((found[name] for name in names if name in found), None)
        if place is None:
            raise TableError(f"{path.name} has no column {column}: its header row must name {', '.join(_HEADERS)}.")
        places.append(place)
    return tuple(places)


def _row(cells: Sequence[str], columns: tuple[int, ...], times: _Times) -> _Row:
    number, code, description, quantity, date, price, customer, country = (cells[place] for place in columns)
    if not number.strip():
        raise ValueError("the invoice number is blank")
    unit_price = Decimal(price)
    if not unit_price.is_finite():
        raise ValueError(f"the price {price!r} is not a number")
    return _Row(
        invoice_no=number.strip(),
        time=times.utc(date.strip()),
        customer_id=_whole(customer) or None,
        country=country,
        line=Line(code, description, int(_whole(quantity)), unit_price),
    )


def _whole(text: str) -> str:
    """Spreadsheets export a column of numbers with gaps as `17850.0`."""
    return text.strip().removesuffix(".0")


def _pence(pounds: Decimal) -> int:
    return int((pounds * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


class _Times:
    """Turns London wall time into UTC; remembers the last one, as rows of an invoice repeat it."""

    def __init__(self) -> None:
        self._text = ""
        self._time = datetime.min.replace(tzinfo=UTC)

    def utc(self, text: str) -> datetime:
        if text != self._text:
            self._time = _parse(text).astimezone(UTC)
            self._text = text
        return self._time


def _parse(text: str) -> datetime:
    for time_format in _TIME_FORMATS:
        try:
            return datetime.strptime(text, time_format).replace(tzinfo=SHOP_TIME_ZONE)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a time such as 2010-12-01 08:26:00")
