"""The steps of an order after it was placed: handed over, cancelled, given back. Each refuses, or says all it does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from services.redemption.domain.order import LineChange, LineState, Order, OrderChange, OrderLine
from services.redemption.domain.refused import RefusedError
from shared.events.reason_codes import ReasonCode


class UnknownLineError(LookupError):
    """A step names a line that the order does not have; the message is for the caller."""


def fulfil(
    order: Order, line_ids: Iterable[str], now: datetime, return_until: Callable[[OrderLine], datetime]
) -> OrderChange:
    """Hand over the named lines, or all that wait. A line handed over before is passed over.

    Raises RefusedError WRONG_STATE for a cancelled line.
    """
    named = [_line(order, line_id) for line_id in line_ids] or _waiting_or_first(order)
    for line in named:
        if line.state is LineState.CANCELLED:
            raise _wrong_state(line, "was cancelled; place a new order")
    changed = [
        LineChange(
            replace(line, state=LineState.FULFILLED, fulfilled_at=now, return_until=return_until(line)), line.quantity
        )
        for line in named
        if line.state is LineState.PLACED
    ]
    return _changed(order, changed)


def cancel(order: Order, now: datetime, *, no_show: bool = False) -> OrderChange:
    """Cancel every line that was not handed over; points and money go back.

    A booking costs its claims' points up to the no-show points from `free_until` on; the money part goes back always
    (pack: "Booking"). An order cancelled before is passed over. Raises RefusedError WRONG_STATE where all was handed
    over, and for a no-show before a slot has begun.
    """
    waiting = [line for line in order.lines.values() if line.state is LineState.PLACED]
    if not waiting and not any(line.state is LineState.CANCELLED for line in order.lines.values()):
        raise RefusedError(ReasonCode.WRONG_STATE, "The order was handed over; return it instead of cancelling it.")
    if no_show:
        waiting = [line for line in waiting if line.booked is not None]
        for line in waiting:
            if line.booked is not None and now < line.booked.begins_at:
                raise _wrong_state(line, f"begins at {line.booked.begins_at.isoformat()}; nobody can have missed it")
    return _changed(order, [_cancelled(line, now) for line in waiting])


def take_back(order: Order, units: Mapping[str, int], now: datetime, *, defect: bool) -> OrderChange:
    """Units come back (line id → units; empty = all that are kept): in time, or with a defect whenever (C17).

    An order of which nothing is left is passed over. Raises RefusedError: RETURN_EXCLUSION_CONFIRMED,
    RETURN_WINDOW_CLOSED, or WRONG_STATE for lines not handed over and for more units than the member has.
    """
    return _come_back(order, units, now, defect=defect, gone=_with_returned)


def take_for_another(order: Order, units: Mapping[str, int], now: datetime, *, defect: bool) -> OrderChange:
    """Units come back to be replaced: under the conditions of a return; their points stay spent."""
    return _come_back(order, units, now, defect=defect, gone=_with_exchanged)


def _with_returned(line: OrderLine, units: int) -> OrderLine:
    return replace(line, returned=line.returned + units)


def _with_exchanged(line: OrderLine, units: int) -> OrderLine:
    return replace(line, exchanged=line.exchanged + units)


def _come_back(
    order: Order,
    units: Mapping[str, int],
    now: datetime,
    *,
    defect: bool,
    gone: Callable[[OrderLine, int], OrderLine],
) -> OrderChange:
    if not units:
        handed_over = [line for line in order.lines.values() if line.state is LineState.FULFILLED]
        if not handed_over:
            raise RefusedError(ReasonCode.WRONG_STATE, "Nothing of the order was handed over; cancel it instead.")
        units = {line.line_id: line.kept for line in handed_over if line.kept}
    changed = []
    for line_id, number in units.items():
        line = _line(order, line_id)
        _require_returnable(line, number, now, defect=defect)
        points, amount_minor = line.worth(number)
        changed.append(LineChange(gone(line, number), number, points, 0, amount_minor))
    return _changed(order, changed)


def _require_returnable(line: OrderLine, units: int, now: datetime, *, defect: bool) -> None:
    if line.state is not LineState.FULFILLED or line.return_until is None:
        raise _wrong_state(line, "was not handed over; cancel it instead")
    if units > line.kept:
        raise _wrong_state(line, f"has {line.kept} units left to come back, and {units} were named")
    if defect:
        return
    if line.exclusion_confirmed:
        raise RefusedError(
            ReasonCode.RETURN_EXCLUSION_CONFIRMED,
            f"Line {line.line_id} was ordered with the confirmation that it cannot be returned; only a defect counts.",
            reward_id=line.reward_id,
        )
    if now >= line.return_until:
        raise RefusedError(
            ReasonCode.RETURN_WINDOW_CLOSED,
            f"Line {line.line_id} could be returned until {line.return_until.isoformat()}; only a defect counts now.",
            reward_id=line.reward_id,
        )


def _cancelled(line: OrderLine, now: datetime) -> LineChange:
    cost = 0
    if line.booked is not None and now >= line.booked.free_until:
        cost = min(line.points, line.booked.no_show_points * line.claims)
    return LineChange(
        replace(line, state=LineState.CANCELLED), line.quantity, line.points - cost, cost, line.amount_minor
    )


def _changed(order: Order, changed: Iterable[LineChange]) -> OrderChange:
    lines = tuple(changed)
    return OrderChange(order.with_lines(*(change.line for change in lines)), lines)


def _waiting_or_first(order: Order) -> list[OrderLine]:
    """All lines that wait; of an order where none does, one that says why."""
    waiting = [line for line in order.lines.values() if line.state is LineState.PLACED]
    if waiting:
        return waiting
    handed_over = [line for line in order.lines.values() if line.state is LineState.FULFILLED]
    return (handed_over or list(order.lines.values()))[:1]


def _line(order: Order, line_id: str) -> OrderLine:
    line = order.lines.get(line_id)
    if line is None:
        raise UnknownLineError(f"Order {order.order_id} has no line {line_id}; it has {', '.join(order.lines)}.")
    return line


def _wrong_state(line: OrderLine, why: str) -> RefusedError:
    return RefusedError(ReasonCode.WRONG_STATE, f"Line {line.line_id} of the order {why}.", reward_id=line.reward_id)
