"""What redemption tells of orders: each step as one event that tells it whole, its id derived from its cause."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Cause, RedemptionDesk
from services.redemption.domain.claims import PlannedClaim
from services.redemption.domain.order import LineChange, Order, OrderLine
from services.redemption.domain.settlement import Owed
from services.redemption.outcomes import SOURCE, emit
from services.redemption.store.orders import Step
from services.redemption.store.stock import Taken
from shared.events import order_placed
from shared.events.cloudevent import derived_id, event_key
from shared.events.event import CausedEvent, Money
from shared.events.order_cancelled import OrderCancelled
from shared.events.order_exchanged import OrderExchanged
from shared.events.order_fulfilled import FulfilledLine, OrderFulfilled
from shared.events.order_placed import OrderPlaced
from shared.events.order_returned import OrderReturned


def cause_of_step(event_type: type[CausedEvent], subject: UUID, at: datetime) -> Cause:
    """The event that tells a step as the cause of all that follows from it; `subject` is the order's or change's id."""
    event_id = derived_id(SOURCE, str(subject), event_type.TYPE)
    return Cause(event_type.TYPE, event_key(SOURCE, str(event_id)), str(event_id), at)


def tell_placed(
    desk: RedemptionDesk,
    order: Order,
    planned: Sequence[PlannedClaim],
    taken: Sequence[Taken],
    idempotency_key: str,
    body_hash: bytes,
) -> None:
    """`planned` and `taken` are those of the order's lines, in their order."""
    lines = tuple(
        _told_line(line, line.quantity, line.points, line.amount_minor, claim, stock)
        for line, claim, stock in zip(order.lines.values(), planned, taken, strict=True)
    )
    data = OrderPlaced(
        program_id=order.program_id,
        member_id=order.member_id,
        causation_id=idempotency_key,
        correlation_id=str(order.redemption_id),
        order_id=str(order.order_id),
        redemption_id=str(order.redemption_id),
        lines=lines,
        points=order.points,
        money=_money(order.amount_minor, order),
        price_version=order.price_version,
        quote_id=order.quote_id,
        recipient_ref=order.recipient_ref,
        idempotency_key=idempotency_key,
        body_hash=body_hash.hex(),
    )
    _emit(desk, data, order.order_id, order.placed_at)


def tell_fulfilled(desk: RedemptionDesk, step: Step, owed: Mapping[str, Owed]) -> None:
    """`owed` is what partners get for the lines handed over (line id → terms)."""
    order = step.change.order
    data = OrderFulfilled(
        program_id=order.program_id,
        member_id=order.member_id,
        causation_id=step.idempotency_key,
        correlation_id=str(order.redemption_id),
        order_id=str(order.order_id),
        lines=_settled(step.change.lines, owed, also_unowed=True),
        currency=order.currency if owed else None,
        idempotency_key=step.idempotency_key,
        body_hash=step.body_hash.hex(),
    )
    _emit(desk, data, step.change_id, step.changed_at)


def tell_cancelled(desk: RedemptionDesk, step: Step) -> None:
    order = step.change.order
    data = OrderCancelled(
        program_id=order.program_id,
        member_id=order.member_id,
        causation_id=step.idempotency_key,
        correlation_id=str(order.redemption_id),
        order_id=str(order.order_id),
        restoration_id=_text(step.restoration_id),
        lines=_given_back(step.change.lines),
        points=step.change.points,
        money=_money(step.change.amount_minor, order),
        reason=step.reason,
        points_kept=step.change.points_kept,
        no_show=step.no_show,
        idempotency_key=step.idempotency_key,
        body_hash=step.body_hash.hex(),
    )
    _emit(desk, data, step.change_id, step.changed_at)


def tell_returned(desk: RedemptionDesk, step: Step, undone: Mapping[str, Owed]) -> None:
    """`undone` is what partners no longer get (line id → terms of the units that came back)."""
    order = step.change.order
    data = OrderReturned(
        program_id=order.program_id,
        member_id=order.member_id,
        causation_id=step.idempotency_key,
        correlation_id=str(order.redemption_id),
        order_id=str(order.order_id),
        return_id=str(step.change_id),
        restoration_id=_text(step.restoration_id),
        lines=_given_back(step.change.lines),
        points=step.change.points,
        money=_money(step.change.amount_minor, order),
        defect=step.defect,
        evidence_sha256=step.evidence_sha256,
        reason=step.reason,
        settlement=_settled(step.change.lines, undone),
        idempotency_key=step.idempotency_key,
        body_hash=step.body_hash.hex(),
    )
    _emit(desk, data, step.change_id, step.changed_at)


def tell_exchanged(
    desk: RedemptionDesk,
    step: Step,
    new_order: Order,
    planned: Sequence[PlannedClaim],
    taken: Sequence[Taken],
    undone: Mapping[str, Owed],
) -> None:
    """`planned` and `taken` are those of the new order's lines."""
    order = step.change.order
    new_lines = tuple(
        _told_line(line, line.quantity, line.points, line.amount_minor, claim, stock)
        for line, claim, stock in zip(new_order.lines.values(), planned, taken, strict=True)
    )
    data = OrderExchanged(
        program_id=order.program_id,
        member_id=order.member_id,
        causation_id=step.idempotency_key,
        correlation_id=str(order.redemption_id),
        order_id=str(order.order_id),
        new_order_id=str(new_order.order_id),
        lines=_given_back(step.change.lines),
        reason=step.reason,
        new_lines=new_lines,
        recipient_ref=new_order.recipient_ref,
        defect=step.defect,
        evidence_sha256=step.evidence_sha256,
        settlement=_settled(step.change.lines, undone),
        idempotency_key=step.idempotency_key,
        body_hash=step.body_hash.hex(),
    )
    _emit(desk, data, step.change_id, step.changed_at)


def _emit(desk: RedemptionDesk, data: CausedEvent, subject: UUID, at: datetime) -> None:
    cause = cause_of_step(type(data), subject, at)
    emit(desk, UUID(cause.id), cause, data)


def _given_back(lines: Iterable[LineChange]) -> tuple[order_placed.OrderLine, ...]:
    return tuple(_told_line(each.line, each.quantity, each.points, each.amount_minor) for each in lines)


def _told_line(
    line: OrderLine,
    quantity: int,
    points: int,
    amount_minor: int,
    planned: PlannedClaim | None = None,
    taken: Taken | None = None,
) -> order_placed.OrderLine:
    return order_placed.OrderLine(
        line_id=line.line_id,
        reward_id=line.reward_id,
        kind=line.kind,
        quantity=quantity,
        claims=-(-quantity // line.units_per_claim),
        points=points,
        amount_minor=amount_minor,
        stock_before=taken.stock_before if taken else None,
        stock_after=taken.stock_after if taken else None,
        slot=line.booked.slot if line.booked else None,
        exclusion_confirmed=line.exclusion_confirmed,
        purchases=_purchases(planned),
    )


def _purchases(planned: PlannedClaim | None) -> tuple[order_placed.ServingPurchase, ...]:
    return tuple(
        order_placed.ServingPurchase(merchant_id=one.merchant_id, receipt_id=one.receipt_id, line_id=one.line_id)
        for one in (planned.purchases if planned else ())
    )


def _settled(
    lines: Iterable[LineChange], owed: Mapping[str, Owed], *, also_unowed: bool = False
) -> tuple[FulfilledLine, ...]:
    told = []
    for each in lines:
        terms = owed.get(each.line.line_id)
        if terms is not None or also_unowed:
            told.append(
                FulfilledLine(
                    line_id=each.line.line_id,
                    reward_id=each.line.reward_id,
                    quantity=each.quantity,
                    partner_id=terms.payee_id if terms else None,
                    contract_price_minor=terms.price_minor if terms else None,
                    fee_minor=terms.fee_minor if terms else None,
                )
            )
    return tuple(told)


def _money(amount_minor: int, order: Order) -> Money | None:
    return Money(amount_minor=amount_minor, currency=order.currency) if amount_minor else None


def _text(wanted: UUID | None) -> str | None:
    return None if wanted is None else str(wanted)
