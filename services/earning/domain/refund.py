"""Which bought lines a refund takes back (points.md, Refunds; events.md, purchase.refunded)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.reason_codes import ReasonCode

ReceiptKey = str | UUID


@dataclass(frozen=True, slots=True)
class BoughtLine:
    """A line of a receipt and what earlier refunds took of it; `time` is the receipt's business time."""

    receipt: ReceiptKey
    line_id: str
    sku: str
    position: int
    quantity: int
    net_minor: int
    refunded_quantity: int
    refunded_net_minor: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """What one refund line asks back: `index` is its place in the refund. An open claim is kept as one of these."""

    index: int
    line_id: str | None
    sku: str
    quantity: int
    net_minor: int


@dataclass(frozen=True, slots=True)
class Match:
    """`quantity` and `net_minor` of the refund line `index` that come off one bought line; perhaps money alone."""

    index: int
    receipt: ReceiptKey
    line_id: str
    quantity: int
    net_minor: int


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What of a refund line found no bought line.

    OVER_REFUND is refused for good (its quantity is 0 where only the money was too much);
    REFUND_WITHOUT_PURCHASE is an open claim, to be matched again as `claim` when its purchase arrives.
    """

    claim: Claim
    code: ReasonCode


@dataclass(frozen=True, slots=True)
class Matching:
    """In the order of the refund's lines."""

    matches: tuple[Match, ...]
    unmatched: tuple[Unmatched, ...]


def claims_of(refund: PurchaseRefunded) -> tuple[Claim, ...]:
    return tuple(
        Claim(index, line.line_id, line.sku, line.quantity, line.net_minor) for index, line in enumerate(refund.lines)
    )


def match_receipt(claims: Iterable[Claim], bought: Sequence[BoughtLine]) -> Matching:
    """Match a refund that names its receipt; `bought` are that receipt's lines, whatever their order.

    A claim with a line id takes that line alone, the others the lines of their SKU: those of its price first, then in
    line order. What is beyond the purchase, in pieces or in money, is OVER_REFUND.
    """
    shelf = _Shelf(sorted(bought, key=lambda line: line.position))
    results = []
    # Named lines first: a claim by SKU must not use up the line that another claim names.
    for claim in sorted(claims, key=lambda claim: (claim.line_id is None, claim.index)):
        lines = shelf.of_price(claim) if claim.line_id is None else shelf.of_line(claim.line_id)
        matches, quantity, net_minor = shelf.take(claim, lines, one_receipt=True)
        over = _rest(claim, claim.quantity - quantity, claim.net_minor - net_minor)
        beyond = over.quantity > 0 or over.net_minor > 0
        results.append((matches, Unmatched(over, ReasonCode.OVER_REFUND) if beyond else None))
    return _matching(results)


def match_purchases(claims: Iterable[Claim], bought: Sequence[BoughtLine], refunded_at: datetime) -> Matching:
    """Match a refund without receipt: the member's purchases of the SKU before `refunded_at`, newest first.

    Order: business time, then receipt key, both falling, then line order. Pieces that match nothing stay an open
    claim with their share of the money; settle it by calling this again with the claim and the new purchase.
    """
    earlier = [line for line in bought if line.time < refunded_at]
    earlier.sort(key=lambda line: line.position)
    earlier.sort(key=lambda line: (line.time, str(line.receipt)), reverse=True)
    shelf = _Shelf(earlier)
    results = []
    for claim in claims:
        matches, quantity, _ = shelf.take(claim, shelf.of_sku(claim.sku))
        open_quantity = claim.quantity - quantity
        matched_share = claim.net_minor * quantity // claim.quantity if claim.quantity > 0 else 0
        rest = _rest(claim, open_quantity, claim.net_minor - matched_share)
        unmatched = Unmatched(rest, ReasonCode.REFUND_WITHOUT_PURCHASE) if open_quantity > 0 else None
        results.append((matches, unmatched))
    return _matching(results)


class _Shelf:
    """Bought lines in the order in which they are taken back, and what is still there of each."""

    def __init__(self, lines: Sequence[BoughtLine]) -> None:
        self._lines = [line for line in lines if line.quantity > 0]
        self._quantity = [line.quantity - line.refunded_quantity for line in self._lines]
        self._net = [line.net_minor - line.refunded_net_minor for line in self._lines]
        self._by_sku: dict[str, list[int]] = {}
        for place, line in enumerate(self._lines):
            self._by_sku.setdefault(line.sku, []).append(place)

    def of_sku(self, sku: str) -> Sequence[int]:
        return self._by_sku.get(sku, ())

    def of_price(self, claim: Claim) -> Sequence[int]:
        """Those of its SKU, first the ones whose pieces cost what is asked back for a piece."""

        def costs_other(place: int) -> bool:
            line = self._lines[place]
            return line.net_minor * claim.quantity != claim.net_minor * line.quantity

        return sorted(self.of_sku(claim.sku), key=costs_other)

    def of_line(self, line_id: str) -> Sequence[int]:
        return [place for place, line in enumerate(self._lines) if line.line_id == line_id]

    def take(self, claim: Claim, places: Sequence[int], *, one_receipt: bool = False) -> tuple[list[Match], int, int]:
        """The claim's parts, and the quantity and net they sum to.

        A part's net is floor(net × quantity so far ÷ quantity) less what earlier parts took, so that parts sum
        to the claim's net; never more than is left of the bought line. Of `one_receipt`, what the pieces taken are
        paid back beyond that comes off the other lines: one SKU at several prices comes back whole, however it is told.
        """
        parts: dict[int, tuple[int, int]] = {}
        taken = net_taken = 0
        for place in places:
            quantity = min(self._quantity[place], claim.quantity - taken)
            if quantity <= 0:
                continue
            taken += quantity
            net = min(self._net[place], claim.net_minor * taken // claim.quantity - net_taken)
            net_taken += net
            parts[place] = quantity, net
        for place in places if one_receipt and taken else ():
            quantity, net = parts.get(place, (0, 0))
            beyond = min(self._net[place] - net, claim.net_minor * taken // claim.quantity - net_taken)
            if beyond > 0:
                net_taken += beyond
                parts[place] = quantity, net + beyond
        return [self._off(claim, place, *part) for place, part in parts.items()], taken, net_taken

    def _off(self, claim: Claim, place: int, quantity: int, net: int) -> Match:
        self._quantity[place] -= quantity
        self._net[place] -= net
        line = self._lines[place]
        return Match(claim.index, line.receipt, line.line_id, quantity, net)


def _rest(claim: Claim, quantity: int, net_minor: int) -> Claim:
    return Claim(claim.index, claim.line_id, claim.sku, quantity, net_minor)


def _matching(results: list[tuple[list[Match], Unmatched | None]]) -> Matching:
    return Matching(
        matches=tuple(sorted((match for matches, _ in results for match in matches), key=lambda match: match.index)),
        unmatched=tuple(sorted((rest for _, rest in results if rest is not None), key=lambda rest: rest.claim.index)),
    )
