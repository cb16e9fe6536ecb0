"""Orders over HTTP: placed and cancelled by the member, handed over, returned and replaced by the operator."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import BaseModel

from services.redemption.access import Access, Caller
from services.redemption.answers.orders import (
    CancellationBody,
    ChangeAnswer,
    FulfilmentBody,
    OrderAnswer,
    OrderBody,
    OrdersAnswer,
    PlacedAnswer,
    ReplacementBody,
    ReturnBody,
)
from services.redemption.desk import Member as MemberName
from services.redemption.domain.claims import Wish
from services.redemption.mint import VoucherMint
from services.redemption.refusals import unknown_member
from services.redemption.requests.change_order import cancel_order, fulfil_order, return_order
from services.redemption.requests.order_step import StepRequest
from services.redemption.requests.place_order import OrderRequest, place_order
from services.redemption.requests.replace_order import replace_order
from services.redemption.store.orders import read_change, read_changes, read_lines, read_order_row, read_orders
from services.redemption.store.queries import has_wallet
from shared.events.fields import Identifier
from shared.runtime.http import ProblemError
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Member = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=1000)]
Key = Annotated[Identifier, Header(alias="Idempotency-Key")]

_ORDERS = "/programs/{program}/members/{member:path}/orders"
_ORDER = "/orders/{order_id}"


def order_routes(running: Running, access: Access) -> APIRouter:
    """Each POST needs an Idempotency-Key: the same key and body get the same answer, however often."""
    router = APIRouter(prefix="/v1", tags=["orders"])
    own, operator = [Depends(access.member)], [Depends(access.operator)]
    pool, mint = running.pool, VoucherMint.of(running.settings)

    @router.post(_ORDERS, status_code=201, dependencies=own)
    async def order(program: Program, member: Member, body: OrderBody, key: Key) -> PlacedAnswer:
        request = OrderRequest(
            member=(program, member),
            wishes=tuple(Wish(line.reward_id, line.quantity, line.slot) for line in body.lines),
            quote_id=body.quote_id,
            recipient_ref=body.recipient_ref,
            exclusions_confirmed=body.return_exclusions_confirmed,
            idempotency_key=key,
            body_hash=_hash(body),
        )
        return await _placed(running, await place_order(running, mint, request))

    @router.get(_ORDERS, dependencies=own)
    async def show_orders(
        program: Program, member: Member, before: UUID | None = None, limit: Limit = 100
    ) -> OrdersAnswer:
        rows = await read_orders(pool, (program, member), before, limit)
        if not rows and not await has_wallet(pool, (program, member)):
            raise unknown_member()
        lines = await read_lines(pool, [row["order_id"] for row in rows])
        told = [OrderAnswer.now(row, lines[row["order_id"]]) for row in rows]
        return OrdersAnswer(orders=told, next_before=told[-1].order_id if len(told) == limit else None)

    @router.get(_ORDER)
    async def show_order(order_id: UUID, caller: Annotated[Caller, Depends(access.holder)]) -> OrderAnswer:
        await _member_of(running, order_id, caller)
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            row = await read_order_row(connection, order_id)
            lines = await read_lines(connection, [order_id])
            changes = await read_changes(connection, order_id)
        assert row is not None  # noqa: S101 - orders are never deleted
        return OrderAnswer.now(row, lines[order_id], changes)

    @router.post(_ORDER + "/cancellations", status_code=201)
    async def cancel(
        order_id: UUID, body: CancellationBody, key: Key, caller: Annotated[Caller, Depends(access.holder)]
    ) -> ChangeAnswer:
        """Of what was not handed over. It costs what the order says where a booking's `free_until` is over."""
        member = await _member_of(running, order_id, caller)
        return await _changed(running, cancel_order, member, _step(order_id, key, body, body.reason))

    @router.post(_ORDER + "/no-shows", status_code=201, dependencies=operator)
    async def note_no_show(order_id: UUID, body: CancellationBody, key: Key) -> ChangeAnswer:
        """Nobody came to a booking that has begun."""
        step = _step(order_id, key, body, body.reason, no_show=True)
        return await _changed(running, cancel_order, await _member_of(running, order_id), step)

    @router.post(_ORDER + "/fulfilments", status_code=201, dependencies=operator)
    async def fulfil(order_id: UUID, body: FulfilmentBody, key: Key) -> ChangeAnswer:
        """Lines were handed over; vouchers are by the order itself."""
        member = await _member_of(running, order_id)
        step = _step(order_id, key, body, "handed over", units=dict.fromkeys(body.line_ids, 1))

        async def hand_over(running: Running, member: MemberName, step: StepRequest) -> UUID:
            return await fulfil_order(running, mint, member, step)

        return await _changed(running, hand_over, member, step)

    @router.post(_ORDER + "/returns", status_code=201, dependencies=operator)
    async def take_back(order_id: UUID, body: ReturnBody, key: Key) -> ChangeAnswer:
        """Always accepted inside the window, and for a defect whenever (C17)."""
        member = await _member_of(running, order_id)
        return await _changed(running, return_order, member, _return_step(order_id, key, body))

    @router.post(_ORDER + "/replacements", status_code=201, dependencies=operator)
    async def exchange(order_id: UUID, body: ReplacementBody, key: Key) -> ChangeAnswer:
        """A return and a new order of the same reward at the old price."""
        member = await _member_of(running, order_id)

        async def put_another(running: Running, member: MemberName, step: StepRequest) -> UUID:
            return await replace_order(running, mint, member, step)

        return await _changed(running, put_another, member, _return_step(order_id, key, body, slot=body.slot))

    return router


Change = Callable[[Running, MemberName, StepRequest], Awaitable[UUID]]


async def _placed(running: Running, order_id: UUID) -> PlacedAnswer:
    row = await read_order_row(running.pool, order_id)
    assert row is not None  # noqa: S101 - it was just placed or found
    return PlacedAnswer.of(row, (await read_lines(running.pool, [order_id]))[order_id])


async def _changed(running: Running, change: Change, member: MemberName, step: StepRequest) -> ChangeAnswer:
    return ChangeAnswer.of(*await read_change(running.pool, await change(running, member, step)))


async def _member_of(running: Running, order_id: UUID, caller: Caller | None = None) -> MemberName:
    """Whose order it is. Raises ProblemError 404 for an unknown one, and for another's: it must not be told apart."""
    row = await read_order_row(running.pool, order_id)
    if row is None or not (caller is None or caller.sees(row["program_id"], member_id=row["member_id"])):
        raise ProblemError(404, "NOT_FOUND", f"There is no order {order_id}.")
    return row["program_id"], row["member_id"]


def _return_step(order_id: UUID, key: str, body: ReturnBody, slot: str | None = None) -> StepRequest:
    return StepRequest(
        order_id=order_id,
        idempotency_key=key,
        body_hash=_hash(body),
        reason=body.reason,
        units={line.line_id: line.quantity for line in body.lines},
        defect=body.defect,
        evidence_sha256=body.evidence_sha256,
        slot=slot,
    )


def _step(
    order_id: UUID,
    key: str,
    body: BaseModel,
    reason: str,
    *,
    units: Mapping[str, int] | None = None,
    no_show: bool = False,
) -> StepRequest:
    return StepRequest(order_id, key, _hash(body), reason, units=units or {}, no_show=no_show)


def _hash(body: BaseModel) -> bytes:
    return hashlib.sha256(orjson.dumps(body.model_dump(), option=orjson.OPT_SORT_KEYS)).digest()
