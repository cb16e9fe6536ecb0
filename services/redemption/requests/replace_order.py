"""A reward is exchanged for another of the same: a return and a new order in one step, at the old price.

Stock moves, no points do: the new order takes over the part of the debit that the units cost. Stock and recalls are
those of the version in force, as for every new order.
"""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from services.redemption.desk import Member
from services.redemption.domain.catalogue import Catalogue, catalogue_at
from services.redemption.domain.claims import (
    PlannedClaim,
    Wish,
    WrongSlotError,
    counts_in_force,
    is_over,
    require_not_recalled,
    slot_time,
)
from services.redemption.domain.order import LineChange, Order, OrderChange
from services.redemption.domain.order_steps import take_for_another
from services.redemption.domain.standing import PurchasedLine
from services.redemption.mint import VoucherMint
from services.redemption.outcomes import SOURCE
from services.redemption.requests.change_order import Open, change_order, put_back, undo_partners
from services.redemption.requests.hand_over import hand_over
from services.redemption.requests.order_step import StepRequest
from services.redemption.requests.place_order import booked_time, claim_id, is_code, order_lines
from services.redemption.requests.plan_order import in_force
from services.redemption.requests.vouchers_of_orders import end_vouchers
from services.redemption.store.orders import Step, insert_order, read_served, save_step
from services.redemption.store.stock import lock_counts, take
from services.redemption.told.orders import cause_of_step, tell_exchanged
from shared.events.cloudevent import derived_id
from shared.events.order_exchanged import OrderExchanged
from shared.runtime.http import ProblemError
from shared.runtime.service import Running


async def replace_order(running: Running, mint: VoucherMint, member: Member, request: StepRequest) -> UUID:
    """Units that were handed over are exchanged, under the conditions of a return. See `change_order`.

    Raises ProblemError 422 besides, for a slot that the reward does not have; 409 REWARD_RECALLED, OUT_OF_STOCK.
    """

    async def decide(opened: Open) -> OrderChange:
        change = take_for_another(opened.order, request.units, opened.now, defect=request.defect)
        if change.lines:
            version = in_force(running.programs, member[0], opened.now)
            await _replace(opened, catalogue_at(version.pack, opened.now), change, request, mint)
        return change

    return await change_order(running, member, "exchanged", request, decide)


def exchange_key(change_id: UUID) -> str:
    """The new order's own key: the caller's may be that of another order. No HTTP header can hold its arrow."""
    return f"exchange → {change_id}"


async def _replace(
    opened: Open, current: Catalogue, change: OrderChange, request: StepRequest, mint: VoucherMint
) -> None:
    connection, desk = opened.connection, opened.desk
    require_not_recalled(current, [Wish(each.line.reward_id, each.quantity) for each in change.lines])
    step = _step(opened, change, request)
    served = await _served(opened, change)
    try:
        planned = [_planned(opened, current, each, request, served.get(each.line.line_id, ())) for each in change.lines]
    except WrongSlotError as wrong:
        raise ProblemError(422, "MALFORMED", str(wrong)) from wrong
    new_order = _new_order(opened, change, planned, step)
    old_claims = [claim_id(change.order.order_id, each.line.line_id) for each in change.lines]
    await lock_counts(connection, new_order.program_id, old_claims, planned)
    await put_back(opened, change)
    claims = [
        (claim_id(new_order.order_id, line_id), one) for line_id, one in zip(new_order.lines, planned, strict=True)
    ]
    taken = await take(connection, new_order.member, claims, current.today)
    cause = cause_of_step(OrderExchanged, step.change_id, opened.now)
    undone = await undo_partners(opened, change, cause.id)
    tell_exchanged(desk, step, new_order, planned, taken, undone)
    await insert_order(connection, new_order, exchange_key(step.change_id), request.body_hash)
    await save_step(connection, step)
    codes = [line_id for line_id, one in zip(new_order.lines, planned, strict=True) if is_code(one.reward)]
    for each, one in zip(change.lines, planned, strict=True):
        if is_code(one.reward):
            await end_vouchers(connection, desk, change.order.order_id, each.line.line_id, each.quantity, cause)
    if codes:
        at_once = StepRequest(new_order.order_id, request.idempotency_key, request.body_hash, "issued with the order")
        await hand_over(connection, desk, mint, opened.pack, new_order, codes, at_once, opened.now)


def _step(opened: Open, change: OrderChange, request: StepRequest) -> Step:
    return Step(
        change_id=request.change_id,
        kind="exchanged",
        change=change,
        idempotency_key=request.idempotency_key,
        body_hash=request.body_hash,
        reason=request.reason,
        changed_at=opened.now,
        new_order_id=derived_id(SOURCE, str(request.change_id), "order"),
        defect=request.defect,
        evidence_sha256=request.evidence_sha256,
    )


async def _served(opened: Open, change: OrderChange) -> Mapping[str, tuple[PurchasedLine, ...]]:
    """Purchased lines that go over to the new line: those of a line of which nothing is kept."""
    order_id, zone = change.order.order_id, opened.zone
    return {
        each.line.line_id: await read_served(opened.connection, claim_id(order_id, each.line.line_id), zone)
        for each in change.lines
        if not each.line.kept
    }


def _planned(
    opened: Open,
    current: Catalogue,
    change: LineChange,
    request: StepRequest,
    purchases: tuple[PurchasedLine, ...],
) -> PlannedClaim:
    """Nobody asks again who may have it, and what it costs is settled: only units have to be there."""
    catalogue = catalogue_at(opened.pack, opened.now)
    line, reward = change.line, catalogue.rewards[change.line.reward_id]
    slot = None if line.booked is None else request.slot or line.booked.slot
    when = slot_time(catalogue, reward, slot)
    if when is not None and is_over(catalogue, when):
        raise WrongSlotError(f"Slot {slot} of reward {reward.reward_id} is over; name a later one.")
    return PlannedClaim(
        reward=reward,
        quantity=change.quantity,
        claims=-(-change.quantity // line.units_per_claim),
        price=reward.price,
        slot=slot,
        when=when,
        counts=counts_in_force(current, reward, slot),
        purchases=purchases,
    )


def _new_order(opened: Open, change: OrderChange, planned: list[PlannedClaim], step: Step) -> Order:
    """The terms stay those of the old order: its version, its day, its confirmation of an exclusion."""
    old = change.order
    fresh = order_lines(planned, exclusions_confirmed=False).values()
    lines = [
        replace(
            line,
            points=each.points,
            amount_minor=each.amount_minor,
            exclusion_confirmed=each.line.exclusion_confirmed,
            booked=booked_time(one),
        )
        for line, each, one in zip(fresh, change.lines, planned, strict=True)
    ]
    assert step.new_order_id is not None  # noqa: S101 - an exchange names its new order
    return Order(
        order_id=step.new_order_id,
        program_id=old.program_id,
        member_id=old.member_id,
        redemption_id=old.redemption_id,
        currency=old.currency,
        price_version=old.price_version,
        ordered_on=old.ordered_on,
        placed_at=opened.now,
        lines={line.line_id: line for line in lines},
        exchanged_from=old.order_id,
        recipient_ref=old.recipient_ref,
    )
