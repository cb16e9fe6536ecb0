"""The steps of an order after it was placed: each one transaction under the wallet's lock, one key, one effect."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.order import Order, OrderChange
from services.redemption.domain.order_steps import UnknownLineError, cancel, take_back
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.settlement import Owed
from services.redemption.give_back import give_back
from services.redemption.mint import VoucherMint
from services.redemption.outcomes import SOURCE
from services.redemption.refusals import Asked, answering, key_reused, unknown_member
from services.redemption.requests.hand_over import hand_over
from services.redemption.requests.order_step import StepRequest
from services.redemption.requests.place_order import claim_id
from services.redemption.requests.vouchers_of_orders import end_vouchers
from services.redemption.store import stock
from services.redemption.store.orders import Step, find_change, last_change, read_order, save_step
from services.redemption.store.queries import lock_wallet, read_clock
from services.redemption.store.restorations import read_spent
from services.redemption.store.save import save_under_lock
from services.redemption.store.settlement import Happening, undo_settlement
from services.redemption.told.orders import cause_of_step, tell_cancelled, tell_returned
from shared.events.cloudevent import derived_id
from shared.events.order_cancelled import OrderCancelled
from shared.events.order_returned import OrderReturned
from shared.events.reason_codes import ReasonCode
from shared.programs.expiry import business_day
from shared.programs.pack import ProgramPack
from shared.programs.rewards import REWARD_KINDS, VoucherReward
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection
from shared.runtime.service import Running


class Open(NamedTuple):
    """An order opened for a step: its member's wallet is locked, `pack` is the version whose terms hold."""

    connection: Connection
    desk: RedemptionDesk
    order: Order
    pack: ProgramPack
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.pack.time_zone)


Decide = Callable[[Open], Awaitable[OrderChange]]


async def fulfil_order(running: Running, mint: VoucherMint, member: tuple[str, str], request: StepRequest) -> UUID:
    """The lines that `units` names, or all that wait, were handed over. See `change_order`."""

    async def decide(opened: Open) -> OrderChange:
        connection, desk, order, pack, now = opened
        return await hand_over(connection, desk, mint, pack, order, list(request.units), request, now)

    return await change_order(running, member, "fulfilled", request, decide)


async def cancel_order(running: Running, member: tuple[str, str], request: StepRequest) -> UUID:
    """What was not handed over is cancelled, by the member or because nobody came. See `change_order`."""

    async def decide(opened: Open) -> OrderChange:
        change = cancel(opened.order, opened.now, no_show=request.no_show)
        if change.lines:
            await _cancel(opened, change, request)
        return change

    return await change_order(running, member, "cancelled", request, decide)


async def return_order(running: Running, member: tuple[str, str], request: StepRequest) -> UUID:
    """Units that were handed over come back (C17). See `change_order`."""

    async def decide(opened: Open) -> OrderChange:
        change = take_back(opened.order, request.units, opened.now, defect=request.defect)
        if change.lines:
            await _return(opened, change, request)
        return change

    return await change_order(running, member, "returned", request, decide)


async def change_order(
    running: Running, member: tuple[str, str], kind: str, request: StepRequest, decide: Decide
) -> UUID:
    """Do what `decide` decides, or find that this key did it before; answers the change's id.

    Where nothing is left to do, the last change of this kind is the answer. Raises ProblemError: 422 for a line that
    the order does not have, 409 with a code for another body under the same key and for what the order's state, the
    window or an exclusion forbids; such refusals are kept and change nothing.
    """
    asked = Asked(*member, f"order {kind}", str(request.change_id), request.idempotency_key)
    try:
        async with answering(running.pool, asked), running.pool.acquire() as connection, connection.transaction():
            desk = await lock_wallet(connection, member)
            if desk is None:
                raise unknown_member()
            done = await find_change(connection, request.order_id, request.idempotency_key)
            if done is not None:
                if (done["kind"], done["body_hash"]) != (kind, request.body_hash):
                    raise key_reused(asked)
                return request.change_id
            opened = await _open(connection, desk, running, request.order_id)
            change = await decide(opened)
            if not change.lines:
                return await _done_before(opened, kind, no_show=request.no_show)
            await save_under_lock(connection, desk)
    except UnknownLineError as unknown:
        raise ProblemError(422, "MALFORMED", str(unknown)) from unknown
    return request.change_id


async def put_back(opened: Open, change: OrderChange) -> None:
    """The units' stock, slots and limits are free again."""
    order_id = change.order.order_id
    await stock.give_back(
        opened.connection, [(claim_id(order_id, each.line.line_id), each.quantity) for each in change.lines]
    )


async def undo_partners(opened: Open, change: OrderChange, event_id: str) -> dict[str, Owed]:
    """What partners no longer get for units that came back, by line."""
    happening = Happening(UUID(event_id), opened.now, business_day(opened.now, opened.zone))
    return await undo_settlement(
        opened.connection, change.order.program_id, change.order.order_id, units_of(change), happening
    )


def units_of(change: OrderChange) -> Mapping[str, int]:
    return {each.line.line_id: each.quantity for each in change.lines}


async def _open(connection: Connection, desk: RedemptionDesk, running: Running, order_id: UUID) -> Open:
    """The order is read after the lock: what the lock waited for is in it."""
    order = await read_order(connection, order_id)
    version = None if order is None else running.programs.version(order.program_id, order.price_version)
    if order is None or version is None:  # the route found the order, and a version once in force stays known
        raise LookupError(f"order {order_id} or the version of its prices is not known")
    return Open(connection, desk, order, version.pack, await read_clock(connection))


async def _done_before(opened: Open, kind: str, *, no_show: bool) -> UUID:
    found = await last_change(opened.connection, opened.order.order_id, kind, no_show=no_show)
    if found is None:
        raise RefusedError(
            ReasonCode.WRONG_STATE, f"The order is {opened.order.state}; nothing of it is left for this."
        )
    return found


async def _cancel(opened: Open, change: OrderChange, request: StepRequest) -> None:
    step = await _with_points_back(opened, change, "cancelled", request, OrderCancelled)
    await put_back(opened, change)
    tell_cancelled(opened.desk, step)
    await save_step(opened.connection, step)


async def _return(opened: Open, change: OrderChange, request: StepRequest) -> None:
    step = await _with_points_back(opened, change, "returned", request, OrderReturned)
    await put_back(opened, change)
    cause = cause_of_step(OrderReturned, step.change_id, opened.now)
    undone = await undo_partners(opened, change, cause.id)
    tell_returned(opened.desk, step, undone)
    await save_step(opened.connection, step)
    for each in change.lines:
        if issubclass(REWARD_KINDS[each.line.kind], VoucherReward):
            await end_vouchers(
                opened.connection, opened.desk, change.order.order_id, each.line.line_id, each.quantity, cause
            )


async def _with_points_back(
    opened: Open,
    change: OrderChange,
    kind: str,
    request: StepRequest,
    event_type: type[OrderCancelled] | type[OrderReturned],
) -> Step:
    """The step, its points given back to the lots that paid."""
    order, restoration_id = change.order, None
    if change.points:
        restoration_id = derived_id(SOURCE, str(request.change_id), "restoration")
        spent = await read_spent(opened.connection, opened.desk, order.member, [order.redemption_id])
        give_back(
            opened.desk,
            order.member,
            spent[order.redemption_id],
            change.points,
            restoration_id=restoration_id,
            because=cause_of_step(event_type, request.change_id, opened.now).id,
            story=str(order.redemption_id),
            at=opened.now,
            reason=f"order {order.order_id} {kind}",
        )
    return Step(
        change_id=request.change_id,
        kind=kind,
        change=change,
        idempotency_key=request.idempotency_key,
        body_hash=request.body_hash,
        reason=request.reason,
        changed_at=opened.now,
        restoration_id=restoration_id,
        defect=request.defect,
        no_show=request.no_show,
        evidence_sha256=request.evidence_sha256,
    )
