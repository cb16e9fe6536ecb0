"""What the Online Retail file must be worth in points, computed without a line of the product's code.

The rules are written down a second time here, from design points.md ("Refunds", "Earning") and events.md:
one point per pound of a receipt's earning lines, floored once per receipt; a cancellation names no sale, so
it is matched with that member's earlier purchases of the same code, newest first; what matches nothing is an
open claim. Money is integer pence.

    python -m tests.end_to_end.online_retail_oracle PATH
"""

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

SERVICE_CODES = frozenset({"POST", "DOT", "M", "m", "C2", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS"})
GIFT_CARD_PREFIX = "gift_0001_"
PENCE_PER_POINT = 100

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class MemberPoints:
    """Points of one member and the pieces of goods given back that match no earlier purchase."""

    granted: int = 0
    clawed_back: int = 0
    open_claims: int = 0

    @property
    def net(self) -> int:
        return self.granted - self.clawed_back


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one member where the product and the oracle disagree."""

    member_id: str
    figure: str
    expected: int
    actual: int


@dataclass(frozen=True, slots=True)
class Oracle:
    """Everything the product must arrive at.

    `invoices` counts each invoice under exactly one outcome; `lines` counts the member's cancellation lines
    by how far earlier purchases cover them.
    """

    members: Mapping[str, MemberPoints]
    invoices: Mapping[str, int]
    lines: Mapping[str, int]
    refunds_clawed_back: int

    @property
    def granted(self) -> int:
        return sum(member.granted for member in self.members.values())

    @property
    def clawed_back(self) -> int:
        return sum(member.clawed_back for member in self.members.values())

    @property
    def open_claims(self) -> int:
        return sum(member.open_claims for member in self.members.values())


@dataclass(slots=True)
class _Line:
    """A bought line: what of it has not been given back, in pieces and pence."""

    earns: bool
    quantity: int
    net: int


@dataclass(slots=True)
class _Receipt:
    receipt_id: str
    time: str
    lines: list[tuple[str, _Line]]
    granted: int = 0
    clawed_back: int = 0

    def points(self) -> int:
        return sum(line.net for _, line in self.lines if line.earns) // PENCE_PER_POINT


@dataclass(slots=True)
class _Member:
    receipts: list[_Receipt] = field(default_factory=list)
    bought: defaultdict[str, list[tuple[_Receipt, _Line]]] = field(default_factory=lambda: defaultdict(list))
    open_claims: int = 0


def recompute(path: Path, limit: int | None = None) -> Oracle:
    """Points of every member after the first `limit` invoices (all of them when None), in file order.

    An invoice counts where its first row stands and takes that row's time, even if its rows are apart.
    """
    members: defaultdict[str, _Member] = defaultdict(_Member)
    invoices: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    refunds_clawed_back = 0
    for number, rows in _invoices(path, limit):
        member_id = rows[0]["CustomerID"]
        if number.startswith("C"):
            if not member_id:
                invoices["refund of nobody"] += 1
                continue
            outcome, clawed_back = _refund(members[member_id], rows, lines)
            invoices[outcome] += 1
            refunds_clawed_back += clawed_back > 0
        elif any(_pence(row) < 0 for row in rows):
            invoices["dead letter"] += 1
        elif not member_id:
            invoices["anonymous purchase"] += 1
        else:
            granted = _purchase(members[member_id], number, rows)
            invoices["granted" if granted else "nothing earned"] += 1
    return Oracle(
        members={member_id: _summary(member) for member_id, member in members.items()},
        invoices=invoices,
        lines=lines,
        refunds_clawed_back=refunds_clawed_back,
    )


def compare(oracle: Oracle, balances: Mapping[str, MemberPoints]) -> list[Difference]:
    """Every figure in which `balances` (the product's, per member) differs from the oracle; empty = equal.

    A member the one side does not know counts as all zeros there.
    """
    differences = []
    nothing = MemberPoints()
    for member_id in sorted(oracle.members.keys() | balances.keys()):
        expected = oracle.members.get(member_id, nothing)
        actual = balances.get(member_id, nothing)
        for figure in ("granted", "clawed_back", "net", "open_claims"):
            wanted, found = getattr(expected, figure), getattr(actual, figure)
            if wanted != found:
                differences.append(Difference(member_id, figure, wanted, found))
    return differences


def running_balance(path: Path) -> tuple[int, int, int]:
    """Cancellation lines covered fully, partly, not at all by a plain running balance in file order.

    This ignores times and receipts; it only shows that the file is read as its description reads it.
    """
    balance: Counter[tuple[str, str]] = Counter()
    covered = {"fully": 0, "partly": 0, "not": 0}
    for row in _rows(path):
        if not row["CustomerID"]:
            continue
        key, quantity = (row["CustomerID"], row["StockCode"]), int(row["Quantity"])
        if row["InvoiceNo"].startswith("C"):
            covered[_coverage(-quantity, min(balance[key], -quantity))] += 1
        balance[key] = max(0, balance[key] + quantity)
    return covered["fully"], covered["partly"], covered["not"]


def _rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def _invoices(path: Path, limit: int | None) -> Iterable[tuple[str, list[Row]]]:
    invoices: dict[str, list[Row]] = {}
    for row in _rows(path):
        invoices.setdefault(row["InvoiceNo"], []).append(row)
    return list(invoices.items())[:limit]


def _pence(row: Row) -> int:
    pounds = int(row["Quantity"]) * Decimal(row["UnitPrice"])
    return int((pounds * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _purchase(member: _Member, number: str, rows: list[Row]) -> int:
    receipt = _Receipt(number, rows[0]["InvoiceDate"], [])
    for row in rows:
        code = row["StockCode"]
        earns = code not in SERVICE_CODES and not code.startswith(GIFT_CARD_PREFIX)
        line = _Line(earns, int(row["Quantity"]), _pence(row))
        receipt.lines.append((code, line))
        member.bought[code].append((receipt, line))
    receipt.granted = receipt.points()
    member.receipts.append(receipt)
    return receipt.granted


def _refund(member: _Member, rows: list[Row], lines: Counter[str]) -> tuple[str, int]:
    """Match one cancellation; returns its outcome and the points it takes back."""
    when = rows[0]["InvoiceDate"]
    matched_pieces = open_pieces = 0
    touched: dict[str, _Receipt] = {}
    for row in rows:
        quantity, net = -int(row["Quantity"]), -_pence(row)
        matched = 0
        shared = 0
        for receipt, line in _newest_first(member, row["StockCode"], when):
            taken = min(line.quantity, quantity - matched)
            if not taken:
                continue
            matched += taken
            part = min(line.net, net * matched // quantity - shared)
            shared += part
            line.quantity -= taken
            line.net -= part
            touched[receipt.receipt_id] = receipt
        lines[_coverage(quantity, matched)] += 1
        matched_pieces += matched
        open_pieces += quantity - matched
    member.open_claims += open_pieces
    taken_back = sum(_claw_back(receipt) for receipt in touched.values())
    return "refund " + _coverage(matched_pieces + open_pieces, matched_pieces) + " matched", taken_back


def _newest_first(member: _Member, code: str, before: str) -> list[tuple[_Receipt, _Line]]:
    earlier = [found for found in member.bought[code] if found[0].time < before]
    # The sort is stable: lines of one receipt keep their order.
    return sorted(earlier, key=lambda found: (found[0].time, found[0].receipt_id), reverse=True)


def _claw_back(receipt: _Receipt) -> int:
    taken = max(0, receipt.granted - receipt.clawed_back - receipt.points())
    receipt.clawed_back += taken
    return taken


def _coverage(wanted: int, found: int) -> str:
    if found >= wanted:
        return "fully"
    return "partly" if found else "not"


def _summary(member: _Member) -> MemberPoints:
    return MemberPoints(
        granted=sum(receipt.granted for receipt in member.receipts),
        clawed_back=sum(receipt.clawed_back for receipt in member.receipts),
        open_claims=member.open_claims,
    )


def main(path: Path) -> None:
    """Print the totals of the file at `path`."""
    started = time.monotonic()
    oracle = recompute(path)
    seconds = time.monotonic() - started
    print(f"members {len(oracle.members)}, granted {oracle.granted}, clawed back {oracle.clawed_back},")
    print(f"net {oracle.granted - oracle.clawed_back}, open claims {oracle.open_claims} pieces")
    for outcome, count in sorted(oracle.invoices.items()):
        print(f"{count:>8}  {outcome}")
    print(f"{oracle.refunds_clawed_back:>8}  refunds that took points back")
    print("cancellation lines covered, matched by time:", dict(oracle.lines))
    print("running balance in file order (fully, partly, not):", running_balance(path))
    print(f"recomputed in {seconds:.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
