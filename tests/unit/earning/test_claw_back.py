"""What refunds take back of a receipt's grants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.earning.domain.claw_back import ClawBack, ClawBackLine, Granted, claw_back
from services.earning.domain.earn import earn
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram
from services.earning.domain.returned import NOTHING_RETURNED, PaidTender, Returned, tenders_given_back
from shared.events.purchase_completed import PurchaseCompleted
from tests.unit.earning.builders import after, granted, line, program, programs, purchase, purchases

FACTS = EarnFacts()
Refund = list[tuple[str, int, int]]


def refund_all(
    receipt: PurchaseCompleted, judged_by: CompiledProgram, refunds: list[Refund]
) -> tuple[list[Granted], int]:
    """The receipt's grants after these refunds one after another, and the cost that went back to budgets."""
    grants = granted(earn(receipt, NOTHING_RETURNED, FACTS, judged_by), judged_by)
    returned, cost_back = NOTHING_RETURNED, 0
    paid = {tender.kind: tender.amount_minor for tender in receipt.tenders}
    goods = sum(one.net_minor for one in receipt.lines)
    for refund in refunds:
        returned = returned.plus(refund)
        back = returned.net_minor()
        points, voucher = tenders_given_back(
            [
                PaidTender(paid.get("points", 0), returned.points_minor, None),
                PaidTender(paid.get("voucher", 0), returned.voucher_minor, None),
            ],
            back,
            goods,
        )
        returned = returned.plus((), points, voucher)
        taken = claw_back(receipt, returned, FACTS, judged_by, grants)
        for claw in taken:
            assert claw.points == sum(of_line.points for of_line in claw.lines) > 0
            assert all(of_line.points > 0 for of_line in claw.lines)
        grants = after(grants, taken)
        for grant in grants:
            assert all(0 <= of_line.clawed_back <= of_line.points for of_line in grant.lines)
        cost_back += sum(claw.cost_minor for claw in taken)
        assert claw_back(receipt, returned, FACTS, judged_by, grants) == (), "a repeat takes something"
    return grants, cost_back


@st.composite
def split_refunds(draw: st.DrawFn, receipt: PurchaseCompleted, *, everything: bool) -> list[Refund]:
    """Refunds of the receipt in random portions of its lines, in random order."""
    pieces: list[tuple[str, int, int]] = []
    for one in receipt.lines:
        left = one.net_minor
        for number in range(one.quantity):
            last = number == one.quantity - 1
            net = left if last and everything else draw(st.integers(0, left))
            left -= net
            pieces.append((one.line_id, 1, net))
    refunds: list[Refund] = [[]]
    for piece in draw(st.permutations(pieces)):
        starts_another = draw(st.booleans())
        if refunds[-1] and starts_another:
            refunds.append([])
        refunds[-1].append(piece)
    return refunds


def test_the_golden_refund_takes_28_and_its_cost() -> None:
    judged_by = program()
    receipt = purchase(line(10_000), line(2_800, "2"))
    grants = granted(earn(receipt, NOTHING_RETURNED, FACTS, judged_by), judged_by)
    returned = NOTHING_RETURNED.plus([("2", 1, 2_800)])
    (claw,) = claw_back(receipt, returned, FACTS, judged_by, grants)
    assert claw == ClawBack("grant-CONSUMPTION-marketing", 28, 140, (ClawBackLine("2", 28),))
    assert claw_back(receipt, returned, FACTS, judged_by, after(grants, [claw])) == ()


def test_a_refund_never_earns() -> None:
    judged_by = program()
    receipt = purchase(line(6_000), line(4_000, "2", earns=False), points=4_000)
    grants = granted(earn(receipt, NOTHING_RETURNED, FACTS, judged_by), judged_by)
    assert grants[0].points == 36
    returned = NOTHING_RETURNED.plus([("2", 1, 4_000)], points_minor=4_000)
    assert earn(receipt, returned, FACTS, judged_by)[0].points == 60
    assert claw_back(receipt, returned, FACTS, judged_by, grants) == ()


def test_only_the_rules_that_granted_are_judged_again() -> None:
    receipt = purchase(line(10_000))
    grants = granted(earn(receipt, NOTHING_RETURNED, FACTS, program()), program())
    returned = NOTHING_RETURNED.plus([("1", 1, 5_000)])
    other = program(program().pack.rules[0].model_copy(update={"rule_id": "another-rule", "points": 9}))
    (claw,) = claw_back(receipt, returned, FACTS, other, grants)
    assert claw.points == 100


def test_two_grants_of_one_class_and_budget_are_a_fault_of_the_books() -> None:
    receipt = purchase(line(10_000))
    grants = granted(earn(receipt, NOTHING_RETURNED, FACTS, program()), program())
    with pytest.raises(ValueError, match="two grants"):
        claw_back(receipt, NOTHING_RETURNED, FACTS, program(), grants * 2)


@given(st.data(), purchases(), programs())
def test_refunding_everything_in_any_split_returns_to_exactly_nothing(
    data: st.DataObject, receipt: PurchaseCompleted, judged_by: CompiledProgram
) -> None:
    refunds = data.draw(split_refunds(receipt, everything=True))
    grants, cost_back = refund_all(receipt, judged_by, refunds)
    assert all(of_line.clawed_back == of_line.points for grant in grants for of_line in grant.lines)
    assert cost_back == sum(grant.cost_minor for grant in grants)


@given(st.data(), purchases(without_tenders=True), programs())
def test_the_order_of_refunds_does_not_change_the_total(
    data: st.DataObject, receipt: PurchaseCompleted, judged_by: CompiledProgram
) -> None:
    refunds = data.draw(split_refunds(receipt, everything=False))
    one_way, cost_one_way = refund_all(receipt, judged_by, refunds)
    other_way, cost_other_way = refund_all(receipt, judged_by, data.draw(st.permutations(refunds)))
    at_once, _ = refund_all(receipt, judged_by, [[piece for refund in refunds for piece in refund]])
    totals = [grant.clawed_back for grant in one_way]
    assert totals == [grant.clawed_back for grant in other_way] == [grant.clawed_back for grant in at_once]
    assert cost_one_way == cost_other_way


@given(st.data(), purchases(all_earn=True), programs(tax="included"))
def test_nor_does_it_where_points_and_vouchers_paid_a_part(
    data: st.DataObject, receipt: PurchaseCompleted, judged_by: CompiledProgram
) -> None:
    refunds = data.draw(split_refunds(receipt, everything=False))
    one_way, _ = refund_all(receipt, judged_by, refunds)
    other_way, _ = refund_all(receipt, judged_by, data.draw(st.permutations(refunds)))
    assert [grant.clawed_back for grant in one_way] == [grant.clawed_back for grant in other_way]


def given_back(paid: int, already: int, stated: int | None, refunded: int, goods: int) -> int:
    (step,) = tenders_given_back([PaidTender(paid, already, stated)], refunded, goods)
    return step


def test_a_tender_goes_back_as_stated_or_in_proportion_and_never_more_than_was_paid() -> None:
    assert given_back(1_000, 0, 400, 0, 0) == 400
    assert given_back(1_000, 800, 400, 0, 0) == 200
    assert given_back(1_000, 0, 0, 5_000, 10_000) == 0
    steps, already = [], 0
    for refunded in (3_333, 6_666, 10_000, 12_000):
        step = given_back(1_000, already, None, refunded, 10_000)
        already += step
        steps.append(step)
    assert steps == [333, 333, 334, 0]
    assert given_back(1_000, 700, None, 1_000, 10_000) == 0
    assert given_back(1_000, 0, None, 0, 0) == 0


def test_tenders_in_proportion_step_one_after_the_other() -> None:
    """2 fen in points and 2 by voucher of 69: refund by refund of a fen, what earns never rises again."""
    points = voucher = 0
    earns = []
    for refunded in range(1, 70):
        more = tenders_given_back([PaidTender(2, points, None), PaidTender(2, voucher, None)], refunded, 69)
        points, voucher = points + more[0], voucher + more[1]
        earns.append((69 - refunded) - (4 - points - voucher))
    assert earns == sorted(earns, reverse=True)
    assert (points, voucher, earns[-1]) == (2, 2, 0)


def test_one_tender_is_stated_and_the_other_goes_in_proportion() -> None:
    assert tenders_given_back([PaidTender(100, 0, 30), PaidTender(200, 0, None)], 5_000, 10_000) == (30, 100)


def test_refunds_sum_up_per_line() -> None:
    returned = Returned().plus([("1", 1, 50), ("1", 2, 70)], points_minor=5).plus([("2", 1, 9)], voucher_minor=3)
    assert returned.net_minor() == 129
    assert (returned.lines["1"].quantity, returned.lines["1"].net_minor) == (3, 120)
    assert (returned.points_minor, returned.voucher_minor) == (5, 3)
