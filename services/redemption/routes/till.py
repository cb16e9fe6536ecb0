"""Paying part of a bill with points: a till authorizes, then captures or voids."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import Depends, Header, Path
from pydantic import Field, model_validator

from services.redemption.access import Access, Caller
from services.redemption.answers.till import AuthorizationAnswer, EndAnswer
from services.redemption.domain.authorization import Authorization
from services.redemption.domain.point_payment import Bill as BillToPay
from services.redemption.outcomes import SOURCE
from services.redemption.requests.authorize import AuthorizationWish, authorize
from services.redemption.requests.end_authorization import capture, void
from services.redemption.routes.bill import Bill, RequestBody
from services.redemption.store.authorizations import find_authorization
from services.redemption.store.till import capture_at_once
from services.redemption.told.authorizations import PAID
from shared.events.fields import MAX_SAFE_INTEGER, Identifier, MinorUnits
from shared.runtime.http import ProblemError
from shared.runtime.quick_route import IDENTIFIER_PART, UUID_PART, QuickRequest, QuickRoute, RouterWithQuick
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Key = Annotated[Identifier, Header(alias="Idempotency-Key")]
SomePoints = Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]

_AUTHORIZATIONS = "/programs/{program}/authorizations"
_ONE = _AUTHORIZATIONS + "/{authorization_id}"
_QUICK_AUTHORIZATIONS = f"/v1/programs/({IDENTIFIER_PART})/authorizations"


class BillShown(Bill):
    """A member's bill, after discounts; `vouchers_minor` of it vouchers pay already. `points` left out = as many as
    may be; `exact` = those or a refusal.
    """

    member_id: Identifier
    shipping_minor: MinorUnits = 0
    vouchers_minor: MinorUnits = 0
    points: SomePoints | None = None
    exact: bool = False

    @property
    def total_minor(self) -> int:
        return super().total_minor + self.shipping_minor

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.exact and self.points is None:
            raise ValueError("exact needs points: say how many")
        if self.vouchers_minor > self.total_minor:
            raise ValueError("vouchers_minor is more than the bill")
        return self


class CaptureWish(RequestBody):
    """How many of the reserved points pay, all of them if left out; the rest is free again."""

    points: SomePoints | None = None
    receipt_id: Identifier | None = None


def till_routes(running: Running, access: Access) -> RouterWithQuick:
    """For a till's key, or the operator's token; an authorization belongs to the merchant that asked for it."""
    router = RouterWithQuick(prefix="/v1", tags=["till"])
    pool = running.pool

    async def of_caller(program: str, authorization_id: UUID, caller: Caller) -> Authorization:
        found = await find_authorization(pool, authorization_id)
        if found is None or found.program_id != program or not caller.sees(program, merchant_id=found.merchant_id):
            raise ProblemError(404, "NOT_FOUND", f"There is no authorization {authorization_id}.")
        return found

    @router.post(_AUTHORIZATIONS, status_code=201)
    async def place(
        program: Program, bill: BillShown, idempotency_key: Key, caller: Annotated[Caller, Depends(access.till)]
    ) -> AuthorizationAnswer:
        caller.require_merchant(bill.merchant_id)
        wish = AuthorizationWish(
            member=(program, bill.member_id),
            merchant_id=bill.merchant_id,
            receipt_id=bill.receipt_id,
            currency=bill.currency,
            bill=BillToPay(bill.bill_lines(), bill.shipping_minor, bill.vouchers_minor),
            points=bill.points,
            exact=bill.exact,
            idempotency_key=idempotency_key,
            body_hash=bill.sha256(),
        )
        return AuthorizationAnswer.of(await authorize(running, wish))

    @router.post(_ONE + "/capture")
    async def let_pay(
        program: Program, authorization_id: UUID, wish: CaptureWish, caller: Annotated[Caller, Depends(access.till)]
    ) -> EndAnswer:
        at_once = await capture_at_once(
            pool, authorization_id, program, caller.merchant_id, wish.points, wish.receipt_id, SOURCE, PAID
        )
        if at_once is not None:
            return EndAnswer.of(at_once)
        found = await of_caller(program, authorization_id, caller)
        return EndAnswer.of(await capture(pool, found, wish.points, wish.receipt_id))

    @router.post(_ONE + "/void")
    async def let_go(
        program: Program, authorization_id: UUID, caller: Annotated[Caller, Depends(access.till)]
    ) -> EndAnswer:
        return EndAnswer.of(await void(pool, await of_caller(program, authorization_id, caller)))

    @router.get(_ONE)
    async def show(
        program: Program, authorization_id: UUID, caller: Annotated[Caller, Depends(access.till)]
    ) -> EndAnswer:
        return EndAnswer.of(await of_caller(program, authorization_id, caller))

    async def place_quickly(asked: QuickRequest) -> AuthorizationAnswer | None:
        bill, key, token = asked.read(BillShown), asked.idempotency_key, asked.bearer
        if bill is None or key is None or token is None:
            return None
        (program,) = asked.parts
        return await place(program, bill, key, await access.till_of(program, token))

    async def let_pay_quickly(asked: QuickRequest) -> EndAnswer | None:
        wish, token = asked.read(CaptureWish), asked.bearer
        if wish is None or token is None:
            return None
        program, authorization_id = asked.parts
        return await let_pay(program, UUID(authorization_id), wish, await access.till_of(program, token))

    router.quick = (
        QuickRoute(_QUICK_AUTHORIZATIONS, 201, place_quickly),
        QuickRoute(f"{_QUICK_AUTHORIZATIONS}/({UUID_PART})/capture", 200, let_pay_quickly),
    )
    return router
