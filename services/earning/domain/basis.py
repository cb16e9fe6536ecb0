"""Which money of a receipt earns: the basis of each line, in minor units (points.md, Earning)."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.earning.domain.returned import Returned
from services.earning.domain.why import why
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine
from shared.programs.largest_remainder import largest_remainder

POINTS_SALE_CATEGORIES = frozenset({"points", "stored_value"})
"""Selling points or topping up is prohibited (C07): such a line is declined."""
NO_EARN_CATEGORIES = POINTS_SALE_CATEGORIES | {"gift_card"}
NO_EARN_TENDERS = frozenset({"points", "voucher"})


@dataclass(frozen=True, slots=True)
class LineBasis:
    """How the basis of one line came about; `line_id` None is the shipping, which always takes its share.

    `net` remains after refunds; `share` of it was paid with points or vouchers; `tax` is what a tax-excluding
    program takes off the rest.
    """

    line_id: str | None
    net: int
    share: int
    tax: int
    excluded: str | None
    basis: int


def excluded_because(line: PurchaseLine) -> str | None:
    """Why a line earns nothing whatever was paid for it; None if it may earn."""
    if not line.earns:
        return why("marked as not earning")
    if line.category in NO_EARN_CATEGORIES:
        return why("category {category} never earns", category=line.category)
    if line.quantity <= 0:
        return why("nothing was bought: the quantity is not above 0")
    return None


def line_bases(
    purchase: PurchaseCompleted, returned: Returned, tax_excluded: bool, shipping_earns: bool = False
) -> Sequence[int]:
    """The basis of each line in the receipt's order, and then of the shipping if it earns.

    Equal to `explain_bases`, without its reasons.
    """
    if not (returned.lines or (tax_excluded and purchase.tax_minor)):
        for tender in purchase.tenders:
            if tender.kind in NO_EARN_TENDERS:
                break
        else:
            # Nearly every receipt: nothing to spread, so the basis is the net.
            bases = [
                line.net_minor if line.earns and line.quantity > 0 and line.category not in NO_EARN_CATEGORIES else 0
                for line in purchase.lines
            ]
            if shipping_earns:
                bases.append(purchase.shipping_minor)
            return bases
    explained = explain_bases(purchase, returned, tax_excluded, shipping_earns)
    return [line.basis for line in (explained if shipping_earns else explained[:-1])]


def explain_bases(
    purchase: PurchaseCompleted, returned: Returned, tax_excluded: bool, shipping_earns: bool = False
) -> list[LineBasis]:
    """The basis of each line in the receipt's order, shipping last, with how it came about."""
    bought = [line.net_minor for line in purchase.lines]
    bought.append(purchase.shipping_minor)
    net = [
        line.net_minor - min(line.net_minor, back.net_minor)
        if (back := returned.lines.get(line.line_id)) is not None
        else line.net_minor
        for line in purchase.lines
    ]
    net.append(purchase.shipping_minor)
    shares = largest_remainder(min(no_earn_minor(purchase, returned), sum(net)), net)
    tax_minor = min(purchase.tax_minor or 0, sum(bought)) if tax_excluded else 0
    taxes = largest_remainder(tax_minor, bought)
    bases = []
    for position, line in enumerate((*purchase.lines, None)):
        paid = net[position] - shares[position]
        tax = _tax_within(taxes[position], bought[position], paid)
        excluded = _shipping_excluded(purchase, returned, shipping_earns) if line is None else excluded_because(line)
        bases.append(
            LineBasis(
                line_id=None if line is None else line.line_id,
                net=net[position],
                share=shares[position],
                tax=tax,
                excluded=excluded,
                basis=0 if excluded else paid - tax,
            )
        )
    return bases


def _shipping_excluded(purchase: PurchaseCompleted, returned: Returned, shipping_earns: bool) -> str | None:
    """No refund names the shipping, so it goes with the last of the goods: refunding them all leaves nothing."""
    if not shipping_earns:
        return why("shipping never earns")
    return why("all of the goods came back") if returned.is_all_of(purchase) else None


def no_earn_minor(purchase: PurchaseCompleted, returned: Returned) -> int:
    """Money of the receipt paid with points or vouchers and not given back: it earns nothing (C03)."""
    points = voucher = 0
    for tender in purchase.tenders:
        if tender.kind == "points":
            points += tender.amount_minor
        elif tender.kind == "voucher":
            voucher += tender.amount_minor
    return max(0, points - returned.points_minor) + max(0, voucher - returned.voucher_minor)


def _tax_within(tax: int, bought: int, paid: int) -> int:
    """The tax inside `paid` of a line bought for `bought`: rounded up, so the basis is rounded down."""
    return -(-tax * paid // bought) if bought else 0
