"""Whatever is done to an order in whatever order: units, points and money each come back at most once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.redemption.domain.order import Booked, LineState, Order, OrderChange, OrderLine, OrderState
from services.redemption.domain.order_steps import (
    UnknownLineError,
    cancel,
    fulfil,
    take_back,
    take_for_another,
)
from services.redemption.domain.refused import RefusedError
from shared.events.reason_codes import ReasonCode

NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
_ID = UUID(int=7)


def _line(
    line_id: str = "1", quantity: int = 3, points: int = 200, amount_minor: int = 50, **more: object
) -> OrderLine:
    return OrderLine(line_id, "tea", "goods", quantity, 2, points, amount_minor, 7, **more)  # type: ignore[arg-type]


def _order(*lines: OrderLine) -> Order:
    return Order(
        _ID, "p", "m", _ID, "CNY", 1, date(2026, 6, 1), NOW, {line.line_id: line for line in lines or (_line(),)}
    )


def _until(line: OrderLine) -> datetime:
    return NOW + timedelta(days=line.return_days)


def _handed_over(*lines: OrderLine) -> Order:
    return fulfil(_order(*lines), [], NOW, _until).order


@given(
    quantity=st.integers(1, 40),
    points=st.integers(0, 1_000),
    money=st.integers(0, 1_000),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 10)), max_size=30),
)
def test_all_units_together_give_back_exactly_what_the_line_cost(
    quantity: int, points: int, money: int, steps: list[tuple[bool, int]]
) -> None:
    order = _handed_over(_line(quantity=quantity, points=points, amount_minor=money))
    back: list[OrderChange] = []
    for exchange, units in steps:
        left = order.lines["1"].kept
        step = take_for_another if exchange else take_back
        if units > left:
            with pytest.raises(RefusedError) as refused:
                step(order, {"1": units}, NOW, defect=False)
            assert refused.value.code is ReasonCode.WRONG_STATE
            continue
        back.append(step(order, {"1": units}, NOW, defect=False))
        order = back[-1].order
        assert 0 <= sum(each.points for each in back) <= points
        assert 0 <= sum(each.amount_minor for each in back) <= money
    if left := order.lines["1"].kept:
        back.append(take_back(order, {"1": left}, NOW, defect=False))
        order = back[-1].order
    assert (sum(each.points for each in back), sum(each.amount_minor for each in back)) == (points, money)
    assert order.state in (OrderState.RETURNED, OrderState.EXCHANGED)
    assert take_back(order, {}, NOW, defect=False).lines == ()


@given(points=st.integers(0, 1_000), cost=st.integers(0, 500), quantity=st.integers(1, 9), late=st.booleans())
def test_a_cancelled_booking_costs_its_no_show_points_and_never_more_than_it_cost(
    points: int, cost: int, quantity: int, late: bool
) -> None:
    booked = Booked("s", NOW + timedelta(hours=30), NOW + timedelta(hours=6), cost)
    order = _order(_line(quantity=quantity, points=points, amount_minor=9, booked=booked))
    change = cancel(order, NOW + timedelta(hours=6 if late else 5))
    claims = -(-quantity // 2)
    assert change.points_kept == (min(points, cost * claims) if late else 0)
    assert (change.points + change.points_kept, change.amount_minor) == (points, 9)
    assert change.order.state is OrderState.CANCELLED
    assert cancel(change.order, NOW).lines == ()


def test_a_no_show_is_noted_from_the_beginning_on_and_for_bookings_alone() -> None:
    booked = Booked("s", NOW, NOW - timedelta(hours=6), 30)
    order = _order(_line("1"), _line("2", booked=booked))
    with pytest.raises(RefusedError):
        cancel(order, NOW - timedelta(seconds=1), no_show=True)
    change = cancel(order, NOW, no_show=True)
    assert [each.line.line_id for each in change.lines] == ["2"]
    assert change.order.state is OrderState.PLACED


def test_the_window_closes_at_its_instant_and_defects_do_not_mind() -> None:
    order = _handed_over()
    closed = NOW + timedelta(days=7)
    assert take_back(order, {}, closed - timedelta(microseconds=1), defect=False).lines
    with pytest.raises(RefusedError) as refused:
        take_back(order, {}, closed, defect=False)
    assert refused.value.code is ReasonCode.RETURN_WINDOW_CLOSED
    assert take_back(order, {}, closed + timedelta(days=999), defect=True).points == 200


def test_a_confirmed_exclusion_leaves_defects_alone() -> None:
    order = _handed_over(_line(exclusion_confirmed=True))
    for step in (take_back, take_for_another):
        with pytest.raises(RefusedError) as refused:
            step(order, {}, NOW, defect=False)
        assert refused.value.code is ReasonCode.RETURN_EXCLUSION_CONFIRMED
        assert step(order, {}, NOW, defect=True).lines


def test_a_step_done_again_changes_nothing() -> None:
    order = _handed_over(_line("1"), _line("2"))
    assert fulfil(order, [], NOW, _until).lines == ()
    assert fulfil(order, ["2"], NOW, _until).lines == ()
    with pytest.raises(RefusedError):
        cancel(order, NOW)


def test_what_was_not_handed_over_cannot_come_back() -> None:
    for step in (take_back, take_for_another):
        for units in ({}, {"1": 1}):
            with pytest.raises(RefusedError) as refused:
                step(_order(), units, NOW, defect=True)
            assert refused.value.code is ReasonCode.WRONG_STATE


def test_a_cancelled_line_is_not_handed_over() -> None:
    order = cancel(_order(_line("1"), _line("2")), NOW).order
    for named in ([], ["1"]):
        with pytest.raises(RefusedError):
            fulfil(order, named, NOW, _until)
    with pytest.raises(UnknownLineError):
        fulfil(_order(), ["9"], NOW, _until)


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ([("placed", 0, 0)], "placed"),
        ([("fulfilled", 0, 0), ("placed", 0, 0)], "placed"),
        ([("fulfilled", 2, 0), ("cancelled", 0, 0)], "fulfilled"),
        ([("fulfilled", 2, 1), ("cancelled", 0, 0)], "returned"),
        ([("fulfilled", 0, 3)], "exchanged"),
        ([("cancelled", 0, 0)], "cancelled"),
    ],
)
def test_an_orders_state_follows_from_its_lines(lines: list[tuple[str, int, int]], state: str) -> None:
    order = _order(
        *(
            replace(_line(str(n)), state=LineState(name), returned=returned, exchanged=exchanged)
            for n, (name, returned, exchanged) in enumerate(lines)
        )
    )
    assert order.state == state
