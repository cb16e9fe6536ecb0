"""A member orders rewards: all lines or none, one debit, one transaction under the wallet's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.redemption.desk import Member, RedemptionDesk, SpendingRequest
from services.redemption.domain.claims import PlannedClaim, Wish
from services.redemption.domain.order import Booked, Order, OrderLine
from services.redemption.domain.settlement import owed
from services.redemption.mint import VoucherMint
from services.redemption.outcomes import SOURCE, redemption_id
from services.redemption.post_clock import post_clock
from services.redemption.refusals import Asked, answering, key_reused, unknown_member
from services.redemption.requests.hand_over import hand_over
from services.redemption.requests.order_step import StepRequest
from services.redemption.requests.plan_order import Plan, plan_order
from services.redemption.requests.redeem import spend
from services.redemption.store.orders import find_order, insert_order
from services.redemption.store.queries import find_redemption, lock_wallet, read_clock
from services.redemption.store.save import save_under_lock
from services.redemption.store.stock import take
from services.redemption.told.orders import tell_placed
from shared.events.cloudevent import derived_id
from shared.events.keys import member_key
from shared.programs.pack import ProgramPack
from shared.programs.rewards import AnyReward, ServiceBooking, Upgrade, VoucherReward
from shared.runtime.postgres import Connection
from shared.runtime.service import Running


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a member wants: `wishes`, or what was quoted. `body_hash` is SHA-256 over the body's canonical form.

    `exclusions_confirmed`: the member agreed that rewards which say so cannot be returned (C17).
    """

    member: Member
    wishes: tuple[Wish, ...]
    quote_id: UUID | None
    recipient_ref: str | None
    exclusions_confirmed: bool
    idempotency_key: str
    body_hash: bytes

    @property
    def order_id(self) -> UUID:
        """One key, one order."""
        return derived_id(f"{SOURCE}/{member_key(*self.member)}", self.idempotency_key, "order")

    @property
    def redemption_id(self) -> UUID:
        """Its debit."""
        return redemption_id(self.member, self.idempotency_key)


async def place_order(running: Running, mint: VoucherMint, request: OrderRequest) -> UUID:
    """Take stock and points for all lines, or find that this very order was placed before; answers its id.

    Raises ProblemError: 404 for an unknown member, program, quote or reward, 422 for a wrong slot, 409 with a code for
    another body under the same key and for whatever C16 allows to refuse. Refusals are kept and change nothing.
    """
    asked = Asked(*request.member, "order", str(request.order_id), request.idempotency_key)
    async with answering(running.pool, asked), running.pool.acquire() as connection, connection.transaction():
        desk = await lock_wallet(connection, request.member)
        if desk is None:
            raise unknown_member()
        if not await _was_placed(connection, request, asked):
            await _place(connection, desk, running, mint, request)
    return request.order_id


async def _was_placed(connection: Connection, request: OrderRequest, asked: Asked) -> bool:
    """A key that paid for anything else is taken: a member's keys are one space."""
    order = await find_order(connection, request.member, request.idempotency_key)
    done = order or await find_redemption(connection, request.member, request.idempotency_key)
    if done is None:
        return False
    if order is None or order["body_hash"] != request.body_hash:
        raise key_reused(asked)
    return True


async def _place(
    connection: Connection, desk: RedemptionDesk, running: Running, mint: VoucherMint, request: OrderRequest
) -> None:
    """What can be refused without others waiting comes first: stock is taken last, for it is one row for all."""
    now = await read_clock(connection)
    post_clock(desk, [request.member])
    plan = await plan_order(
        connection, running.programs, request.member, desk.wallet(request.member), request.wishes, now, request.quote_id
    )
    order = _order(request, plan, now)
    _require_contracts(plan, order)
    spend(desk, _debit(request, order), now)
    claims = [(claim_id(order.order_id, line_id), one) for line_id, one in zip(order.lines, plan.claims, strict=True)]
    taken = await take(connection, request.member, claims, plan.now.today)
    tell_placed(desk, order, plan.claims, taken, request.idempotency_key, request.body_hash)
    await insert_order(connection, order, request.idempotency_key, request.body_hash)
    codes = [line_id for line_id, one in zip(order.lines, plan.claims, strict=True) if is_code(one.reward)]
    if codes:
        at_once = StepRequest(order.order_id, request.idempotency_key, request.body_hash, "issued with the order")
        await hand_over(connection, desk, mint, plan.catalogue.pack, order, codes, at_once, now)
    await save_under_lock(connection, desk)


def claim_id(order_id: UUID, line_id: str) -> UUID:
    """By which the stock knows a line of an order."""
    return derived_id(SOURCE, f"{order_id}/{line_id}", "claim")


def is_code(reward: AnyReward) -> bool:
    """Whether the reward is a voucher's code: nobody needs to hand it over."""
    return isinstance(reward, VoucherReward)


def order_lines(planned: Sequence[PlannedClaim], *, exclusions_confirmed: bool) -> dict[str, OrderLine]:
    """The lines of a new order, named 1, 2, 3 …"""
    lines = (_line(str(place), one, exclusions_confirmed) for place, one in enumerate(planned, start=1))
    return {line.line_id: line for line in lines}


def booked_time(planned: PlannedClaim) -> Booked | None:
    reward, when = planned.reward, planned.when
    if when is None or planned.slot is None or not isinstance(reward, ServiceBooking | Upgrade):
        return None
    return Booked(planned.slot, when.begins_at, when.free_until, reward.booking.no_show_points)


def _line(line_id: str, planned: PlannedClaim, exclusions_confirmed: bool) -> OrderLine:
    reward = planned.reward
    return OrderLine(
        line_id=line_id,
        reward_id=reward.reward_id,
        kind=reward.kind,
        quantity=planned.quantity,
        units_per_claim=reward.units_per_claim,
        points=planned.points,
        amount_minor=planned.money_minor,
        return_days=reward.return_days,
        exclusion_confirmed=exclusions_confirmed and reward.return_exclusion is not None,
        booked=booked_time(planned),
    )


def _order(request: OrderRequest, plan: Plan, now: datetime) -> Order:
    return Order(
        order_id=request.order_id,
        program_id=request.member[0],
        member_id=request.member[1],
        redemption_id=request.redemption_id,
        currency=plan.catalogue.pack.currency,
        price_version=plan.price_version,
        ordered_on=plan.now.today,
        placed_at=now,
        lines=order_lines(plan.claims, exclusions_confirmed=request.exclusions_confirmed),
        quote_id=None if request.quote_id is None else str(request.quote_id),
        recipient_ref=request.recipient_ref,
    )


def _debit(request: OrderRequest, order: Order) -> SpendingRequest:
    return SpendingRequest(
        redemption_id=request.redemption_id,
        member=request.member,
        points=order.points,
        reason=f"order {order.order_id}",
        idempotency_key=request.idempotency_key,
        body_hash=request.body_hash,
    )


def _require_contracts(plan: Plan, order: Order) -> None:
    """A partner or recipient must be under contract today, by the terms that price and by those in force (C08, C32)."""
    for line in order.lines.values():
        _require_contract(plan.catalogue.pack, line, order.ordered_on)
        if line.reward_id in plan.now.rewards:
            _require_contract(plan.now.pack, line, order.ordered_on)


def _require_contract(pack: ProgramPack, line: OrderLine, day: date) -> None:
    owed(pack, line.reward_id, line.quantity, day)
