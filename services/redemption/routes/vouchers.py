"""Vouchers over HTTP: the member sees them and shows a code or its picture; a till checks, uses and undoes."""

import io
from typing import Annotated
from uuid import UUID

import segno
from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import Field

from services.redemption.access import Access, Caller
from services.redemption.answers.vouchers import CheckAnswer, UseAnswer, VoucherAnswer, VouchersAnswer
from services.redemption.mint import VoucherMint
from services.redemption.refusals import unknown_member
from services.redemption.requests.use_voucher import VoucherWish, check_voucher, undo_voucher_use, use_voucher
from services.redemption.routes.bill import Bill, Undoing
from services.redemption.store.queries import has_wallet
from services.redemption.store.vouchers import VoucherUse, read_use, read_voucher, read_vouchers
from shared.events.fields import Identifier
from shared.runtime.http import ProblemError
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Member = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=1000)]
Key = Annotated[Identifier, Header(alias="Idempotency-Key")]

_MEMBER = "/programs/{program}/members/{member:path}"
_USES = "/programs/{program}/voucher-uses"
_NOT_KEPT = {"Cache-Control": "no-store"}  # a code is as good as money off


class VoucherShown(Bill):
    """The code as it was typed or scanned, and the bill."""

    code: Annotated[str, Field(min_length=1, max_length=64)]


def voucher_routes(running: Running, access: Access) -> APIRouter:
    """A member's vouchers by the member's key, tills by theirs."""
    router = APIRouter(prefix="/v1", tags=["vouchers"])
    own = [Depends(access.member)]
    pool, mint = running.pool, VoucherMint.of(running.settings)

    @router.get(_MEMBER + "/vouchers", dependencies=own)
    async def show_vouchers(
        program: Program, member: Member, response: Response, before: UUID | None = None, limit: Limit = 100
    ) -> VouchersAnswer:
        found = await read_vouchers(pool, (program, member), before, limit)
        if not found and not await has_wallet(pool, (program, member)):
            raise unknown_member()
        response.headers.update(_NOT_KEPT)
        told = [VoucherAnswer.of(voucher, mint) for voucher in found]
        return VouchersAnswer(vouchers=told, next_before=told[-1].voucher_id if len(told) == limit else None)

    @router.get(
        _MEMBER + "/vouchers/{voucher_id}/qr.svg",
        dependencies=own,
        response_class=Response,
        responses={200: {"content": {"image/svg+xml": {}}, "description": "The code as a QR picture."}},
    )
    async def show_picture(program: Program, member: Member, voucher_id: UUID) -> Response:
        voucher = await read_voucher(pool, voucher_id)
        if voucher is None or voucher.member != (program, member):
            raise _no_voucher(voucher_id)
        if (code := VoucherAnswer.of(voucher, mint).code) is None:
            raise ProblemError(
                410, "VOUCHER_NOT_USABLE", f"Voucher {voucher_id} is {voucher.state}; it has no picture."
            )
        picture = io.BytesIO()
        segno.make(code, error="m", micro=False).save(picture, kind="svg", scale=8, border=4, xmldecl=False)
        return Response(picture.getvalue(), media_type="image/svg+xml", headers=_NOT_KEPT)

    @router.post("/programs/{program}/voucher-checks")
    async def check(
        program: Program, shown: VoucherShown, caller: Annotated[Caller, Depends(access.till)]
    ) -> CheckAnswer:
        caller.require_merchant(shown.merchant_id)
        voucher, off = await check_voucher(pool, _wish(program, shown, "check"))
        return CheckAnswer.of(voucher, off)

    @router.post(_USES, status_code=201)
    async def use(
        program: Program,
        shown: VoucherShown,
        idempotency_key: Key,
        caller: Annotated[Caller, Depends(access.till)],
    ) -> UseAnswer:
        caller.require_merchant(shown.merchant_id)
        return UseAnswer.of(await use_voucher(pool, _wish(program, shown, idempotency_key)))

    @router.get(_USES + "/{use_id}")
    async def show_use(program: Program, use_id: UUID, caller: Annotated[Caller, Depends(access.till)]) -> UseAnswer:
        return UseAnswer.of(await _found_use(program, use_id, caller))

    @router.post(_USES + "/{use_id}/undo")
    async def undo(
        program: Program, use_id: UUID, undoing: Undoing, caller: Annotated[Caller, Depends(access.till)]
    ) -> UseAnswer:
        found = await _found_use(program, use_id, caller)
        return UseAnswer.of(await undo_voucher_use(pool, found, undoing.reason))

    async def _found_use(program: str, use_id: UUID, caller: Caller) -> VoucherUse:
        found = await read_use(pool, use_id)
        if found is None or found.program_id != program or not caller.sees(program, merchant_id=found.merchant_id):
            raise ProblemError(404, "NOT_FOUND", f"There is no use {use_id} of a voucher.")
        return found

    return router


def _wish(program: str, shown: VoucherShown, idempotency_key: str) -> VoucherWish:
    return VoucherWish(
        program_id=program,
        merchant_id=shown.merchant_id,
        code=shown.code,
        currency=shown.currency,
        lines=shown.bill_lines(),
        receipt_id=shown.receipt_id,
        idempotency_key=idempotency_key,
        body_hash=shown.sha256(),
    )


def _no_voucher(voucher_id: UUID) -> ProblemError:
    return ProblemError(404, "NOT_FOUND", f"This member has no voucher {voucher_id}.")
