"""Lines of an order are handed over: partners are owed for them, bought vouchers are issued."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.order import Order, OrderChange, OrderLine
from services.redemption.domain.order_steps import fulfil
from services.redemption.domain.settlement import Owed, owed
from services.redemption.mint import VoucherMint
from services.redemption.requests.order_step import StepRequest
from services.redemption.requests.vouchers_of_orders import BoughtLine, issue_vouchers
from services.redemption.store.orders import Step, save_step
from services.redemption.store.settlement import Happening, note_settlement
from services.redemption.told.orders import cause_of_step, tell_fulfilled
from shared.events.order_fulfilled import OrderFulfilled
from shared.programs.expiry import business_day, start_of_day
from shared.programs.pack import ProgramPack
from shared.programs.rewards import VoucherReward
from shared.runtime.postgres import Connection


async def hand_over(
    connection: Connection,
    desk: RedemptionDesk,
    mint: VoucherMint,
    pack: ProgramPack,
    order: Order,
    line_ids: Sequence[str],
    request: StepRequest,
    now: datetime,
) -> OrderChange:
    """Hand over the named lines, or all that wait; `pack` is the version whose terms hold.

    Under the wallet's lock; the caller saves the desk. Nothing is written where nothing was left to hand over.
    Raises RefusedError, UnknownLineError.
    """
    zone = ZoneInfo(pack.time_zone)
    change = fulfil(order, line_ids, now, lambda line: _return_until(line, now, zone))
    if not change.lines:
        return change
    step = Step(
        change_id=request.change_id,
        kind="fulfilled",
        change=change,
        idempotency_key=request.idempotency_key,
        body_hash=request.body_hash,
        reason=request.reason,
        changed_at=now,
    )
    terms = _owed(pack, change)
    cause = cause_of_step(OrderFulfilled, step.change_id, now)
    tell_fulfilled(desk, step, terms)
    await save_step(connection, step)
    happening = Happening(UUID(cause.id), now, business_day(now, zone))
    await note_settlement(connection, order.program_id, order.order_id, terms, happening)
    for bought in _bought(pack, change):
        await issue_vouchers(connection, desk, mint, bought, cause)
    return change


def _return_until(line: OrderLine, now: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after the last day: `return_days` days after that of the hand-over, to the end of the day."""
    return start_of_day(business_day(now, zone) + timedelta(days=line.return_days + 1), zone)


def _owed(pack: ProgramPack, change: OrderChange) -> dict[str, Owed]:
    """By line; the terms are those of the day of the order."""
    terms = {
        each.line.line_id: owed(pack, each.line.reward_id, each.quantity, change.order.ordered_on)
        for each in change.lines
    }
    return {line_id: one for line_id, one in terms.items() if one is not None}


def _bought(pack: ProgramPack, change: OrderChange) -> list[BoughtLine]:
    rewards = {reward.reward_id: reward for reward in pack.rewards}
    order = change.order
    bought = []
    for each in change.lines:
        reward = rewards[each.line.reward_id]
        if isinstance(reward, VoucherReward):
            bought.append(
                BoughtLine(
                    program_id=order.program_id,
                    member_id=order.member_id,
                    order_id=order.order_id,
                    line_id=each.line.line_id,
                    reward=reward,
                    units=each.quantity,
                    pack=pack,
                    correlation_id=str(order.redemption_id),
                )
            )
    return bought
