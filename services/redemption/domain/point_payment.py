"""How much of a bill points may pay: pure arithmetic over the pack's terms (M17; design: "At the till")."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from services.redemption.domain.voucher import BillLine, LineChoice
from shared.calendar.day_facts import DayFacts
from shared.programs.day_pattern import falls_on
from shared.programs.fields import fraction_of
from shared.programs.largest_remainder import largest_remainder
from shared.programs.lines import Lines
from shared.programs.pack import ProgramPack
from shared.programs.point_payment import PointPayment


class Limit(StrEnum):
    """What bound the answer; none where the wish is granted in full."""

    NOT_OFFERED = "not_offered"  # the program takes no points for bills on this day
    BALANCE = "balance"
    HELD = "held"  # the balance, without what is held for review
    BILL = "bill"  # what discounts and vouchers left of it
    LINES = "lines"  # those that points may pay
    SHARE_CAP = "share_cap"
    WHOLE_BILL = "whole_bill"  # the program forbids a bill paid wholly with points
    STEP = "step"
    MINIMUM = "minimum"


class Bill(NamedTuple):
    """`vouchers_minor` is what vouchers already pay; it is spread over lines and shipping in proportion."""

    lines: tuple[BillLine, ...]
    shipping_minor: int
    vouchers_minor: int

    @property
    def total(self) -> int:
        return sum(line.net_minor for line in self.lines) + self.shipping_minor

    @property
    def left(self) -> int:
        return self.total - self.vouchers_minor

    def left_of(self, allowed: Lines | None) -> int:
        """What is left of the lines that may be paid; without a choice of lines that is the whole bill."""
        if allowed is None:
            return self.left
        nets = [*(line.net_minor for line in self.lines), self.shipping_minor]
        vouchers = largest_remainder(self.vouchers_minor, nets)
        left = (
            line._replace(net_minor=line.net_minor - voucher)
            for line, voucher in zip(self.lines, vouchers, strict=False)  # the last share is the shipping's
        )
        return LineChoice.of(allowed).sum_of(left)


class Terms(NamedTuple):
    """What holds on a day: the terms of any day, or those of an offset day."""

    payment: PointPayment
    offset_day_id: str | None


class Payable(NamedTuple):
    """Whole steps of points and what they pay; 0 where not even the least may be paid."""

    points: int
    amount_minor: int
    limited_by: Limit | None
    terms: Terms | None


def terms_of(pack: ProgramPack, day: DayFacts) -> tuple[Terms, ...]:
    """All terms of the day in the program's time zone; the member gets those that pay most."""
    any_day = () if pack.point_payment is None else (Terms(pack.point_payment, None),)
    return (*any_day, *(Terms(each, each.offset_day_id) for each in pack.offset_days if falls_on(each.days)(day)))


def most_payable(all_terms: Sequence[Terms], bill: Bill, wish: int | None, spendable: int) -> Payable:
    """The most that the wish (None = as much as may be), the balance, the bill and the terms permit.

    Of several terms those that pay the largest amount, then with the fewest points, then the earlier.
    """
    if not all_terms:
        return Payable(0, 0, Limit.NOT_OFFERED, None)
    return max(
        (_payable(terms, bill, wish, spendable) for terms in all_terms),
        key=lambda each: (each.amount_minor, -each.points),
    )


def would_pay_whole_bill(terms: Terms, bill: Bill, points: int) -> bool:
    """Whether these points would leave nothing of a bill that the terms forbid to be paid wholly with points."""
    payment = terms.payment
    return not payment.whole_bill and bill.left > 0 and points * payment.minor // payment.points >= bill.left


def _payable(terms: Terms, bill: Bill, wish: int | None, spendable: int) -> Payable:
    payment, step = terms.payment, terms.payment.step
    per_step = step * payment.minor // payment.points  # whole: the pack is checked for it
    share = fraction_of(payment.share_cap)
    steps_by = {
        Limit.BILL: bill.left // per_step,
        Limit.LINES: bill.left_of(payment.lines) // per_step,
        Limit.SHARE_CAP: bill.left * share.numerator // share.denominator // per_step,
    }
    if not payment.whole_bill:
        steps_by[Limit.WHOLE_BILL] = max(0, bill.left - 1) // per_step
    steps_by[Limit.BALANCE] = spendable // step  # named only where nothing else bound it as much
    tightest = min(steps_by, key=lambda limit: steps_by[limit])
    steps = steps_by[tightest]
    bound: Limit | None = tightest
    if wish is not None and wish // step <= steps:
        steps, bound = wish // step, Limit.STEP if wish % step else None
    if steps * step < max(payment.minimum_points, 1):
        return Payable(0, 0, bound if steps == 0 and bound is tightest else Limit.MINIMUM, terms)
    return Payable(steps * step, steps * per_step, bound, terms)
