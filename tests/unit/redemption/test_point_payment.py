"""How much of a bill points may pay: every limit, alone and named."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.redemption.domain.catalogue import catalogue_at
from services.redemption.domain.point_payment import Bill, Limit, Payable, Terms, most_payable, terms_of
from services.redemption.domain.voucher import BillLine
from shared.programs.point_payment import PointPayment
from tests.unit.programs.packs import NAME, pack

RATE = {"points": 100, "minor": 500}
PLENTY = 10**9


def line(name: str, net: int, category: str = "fruit", *labels: str) -> BillLine:
    return BillLine(name, f"sku-{name}", category, frozenset(labels), net)


def bill(*lines: BillLine, shipping: int = 0, vouchers: int = 0) -> Bill:
    return Bill(lines or (line("a", 10_000),), shipping, vouchers)


def payable(shown: Bill, wish: int | None = None, spendable: int = PLENTY, **terms: Any) -> Payable:
    return most_payable([Terms(PointPayment.model_validate({**RATE, **terms}), None)], shown, wish, spendable)


@pytest.mark.parametrize(
    ("shown", "wish", "spendable", "terms", "expected"),
    [
        (bill(), None, PLENTY, {}, (2_000, 10_000, Limit.BILL)),
        (bill(), 300, PLENTY, {}, (300, 1_500, None)),
        (bill(), 350, PLENTY, {}, (300, 1_500, Limit.STEP)),
        (bill(), 99, PLENTY, {}, (0, 0, Limit.MINIMUM)),
        (bill(), None, 399, {}, (300, 1_500, Limit.BALANCE)),
        (bill(), 400, 399, {}, (300, 1_500, Limit.BALANCE)),
        (bill(), None, 99, {}, (0, 0, Limit.BALANCE)),
        (bill(), None, PLENTY, {"share_cap": "30%"}, (600, 3_000, Limit.SHARE_CAP)),
        (bill(line("a", 9_999)), None, PLENTY, {"share_cap": "50%"}, (900, 4_500, Limit.SHARE_CAP)),
        (bill(), None, PLENTY, {"minimum_points": 2_001}, (0, 0, Limit.MINIMUM)),
        (bill(), 200, PLENTY, {"minimum_points": 300}, (0, 0, Limit.MINIMUM)),
        (bill(), None, PLENTY, {"whole_bill": False}, (1_900, 9_500, Limit.WHOLE_BILL)),
        (bill(line("a", 10_001)), None, PLENTY, {"whole_bill": False}, (2_000, 10_000, Limit.BILL)),
        (bill(), None, PLENTY, {"step_points": 500}, (2_000, 10_000, Limit.BILL)),
        (bill(line("a", 9_999)), None, PLENTY, {"step_points": 500}, (1_500, 7_500, Limit.BILL)),
        (bill(line("a", 9_999)), None, PLENTY, {"step_points": 1}, (1_999, 9_995, Limit.BILL)),
        (bill(vouchers=4_000), None, PLENTY, {}, (1_200, 6_000, Limit.BILL)),
        (bill(vouchers=4_000), None, PLENTY, {"share_cap": "50%"}, (600, 3_000, Limit.SHARE_CAP)),
        (bill(line("a", 0)), None, PLENTY, {}, (0, 0, Limit.BILL)),
    ],
)
def test_each_limit_binds_and_is_named(
    shown: Bill, wish: int | None, spendable: int, terms: dict[str, Any], expected: tuple[int, int, Limit | None]
) -> None:
    answer = payable(shown, wish, spendable, **terms)
    assert (answer.points, answer.amount_minor, answer.limited_by) == expected


def test_only_allowed_lines_are_paid_and_vouchers_spread_over_all() -> None:
    shown = bill(line("a", 6_000), line("b", 3_000, "toys"), shipping=1_000)
    assert payable(shown, lines={"categories": ["fruit"]}).amount_minor == 6_000
    assert payable(shown, lines={"categories": ["fruit"]}).limited_by is Limit.LINES
    # 1,000 of vouchers in proportion: 600 of it on fruit
    vouchered = bill(*shown.lines, shipping=1_000, vouchers=1_000)
    assert payable(vouchered, lines={"categories": ["fruit"]}, step_points=1).amount_minor == 5_400
    assert payable(shown, lines={"labels": ["own-brand"]}).points == 0


def test_an_offset_day_counts_on_its_days_alone_and_the_better_terms_hold() -> None:
    offset = {"offset_day_id": "eighth", "name": NAME, "days": {"days_of_month": [8]}, "points": 100, "minor": 1_000}
    program = pack(point_payment=RATE, offset_days=[offset])
    eighth = datetime(2026, 12, 7, 16, 30, tzinfo=UTC)  # 00:30 on the 8th in Shanghai
    assert program.time_zone == "Asia/Shanghai"
    terms = terms_of(program, catalogue_at(program, eighth).day)
    best = most_payable(terms, bill(), 200, PLENTY)
    assert (best.amount_minor, best.terms and best.terms.offset_day_id) == (2_000, "eighth")
    ninth = terms_of(program, catalogue_at(program, datetime(2026, 12, 8, 16, 0, tzinfo=UTC)).day)
    assert [each.offset_day_id for each in ninth] == [None]
    only_offset = pack(offset_days=[offset])
    none = terms_of(only_offset, catalogue_at(only_offset, datetime(2026, 12, 8, 16, 0, tzinfo=UTC)).day)
    assert most_payable(none, bill(), None, PLENTY) == Payable(0, 0, Limit.NOT_OFFERED, None)


@given(
    net=st.integers(0, 50_000),
    vouchers=st.integers(0, 50_000),
    wish=st.none() | st.integers(1, 20_000),
    spendable=st.integers(0, 20_000),
    step=st.sampled_from([1, 20, 100, 300]),
    minimum=st.integers(0, 3_000),
    cap=st.sampled_from(["100%", "50%", "33.33%"]),
    whole=st.booleans(),
)
def test_it_is_the_largest_number_of_steps_that_all_limits_permit(
    net: int, vouchers: int, wish: int | None, spendable: int, step: int, minimum: int, cap: str, whole: bool
) -> None:
    shown = bill(line("a", net), vouchers=min(vouchers, net))
    answer = payable(shown, wish, spendable, step_points=step, minimum_points=minimum, share_cap=cap, whole_bill=whole)

    def permitted(points: int) -> bool:
        money = points * 5
        return (
            points <= spendable
            and (wish is None or points <= wish)
            and money <= shown.left
            and money * 10_000 <= shown.left * {"100%": 10_000, "50%": 5_000, "33.33%": 3_333}[cap]
            and (whole or money < shown.left)
        )

    most = max((points for points in range(0, 20_001, step) if points == 0 or permitted(points)), default=0)
    assert answer.points == (most if most >= minimum else 0)
    assert answer.amount_minor == answer.points * 5
