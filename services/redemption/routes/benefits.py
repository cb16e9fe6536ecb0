"""Benefits over HTTP: the member sees what they have and how often; a till uses one and undoes it."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Header, Path

from services.redemption.access import Access, Caller
from services.redemption.answers.benefits import BenefitsAnswer, BenefitUseAnswer, benefits_answer
from services.redemption.domain.balance import balance
from services.redemption.domain.benefit import Holder, period_of
from services.redemption.domain.clock import catch_up
from services.redemption.refusals import unknown_member
from services.redemption.requests.plan_order import in_force
from services.redemption.requests.use_benefit import BenefitWish, undo_benefit_use, use_benefit
from services.redemption.routes.bill import Bill, Undoing
from services.redemption.store.benefits import BenefitUse, read_use, used_in_periods
from services.redemption.store.members import read_profile
from services.redemption.store.queries import read_balance
from shared.events.fields import Identifier
from shared.programs.expiry import business_day
from shared.runtime.http import ProblemError
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Member = Annotated[Identifier, Path()]
Key = Annotated[Identifier, Header(alias="Idempotency-Key")]

_USES = "/programs/{program}/benefit-uses"


class BenefitShown(Bill):
    """Which right of which member, and the bill; a service's bill may hold the service's own line alone."""

    member_id: Identifier
    benefit_id: Identifier


def benefit_routes(running: Running, access: Access) -> APIRouter:
    """A member's rights by the member's key, tills by theirs."""
    router = APIRouter(prefix="/v1", tags=["benefits"])
    pool = running.pool

    @router.get("/programs/{program}/members/{member:path}/benefits", dependencies=[Depends(access.member)])
    async def show_benefits(program: Program, member: Member) -> BenefitsAnswer:
        facts = await read_balance(pool, (program, member))
        if facts is None:
            raise unknown_member()
        pack = in_force(running.programs, program, facts.as_of).pack
        profile = await read_profile(pool, (program, member))
        wallet, _, _ = catch_up(facts.wallet)
        holder = Holder(None if profile is None else profile.tier_id, balance(wallet, facts.totals).lifetime)
        day = business_day(facts.as_of, ZoneInfo(pack.time_zone))
        shown = [(benefit, period_of(benefit.per, day)) for benefit in pack.benefits if benefit.enabled]
        used = await used_in_periods(pool, (program, member), [(each.benefit_id, period) for each, period in shown])
        return benefits_answer(pack, holder, shown, used)

    @router.post(_USES, status_code=201)
    async def use(
        program: Program,
        shown: BenefitShown,
        idempotency_key: Key,
        caller: Annotated[Caller, Depends(access.till)],
    ) -> BenefitUseAnswer:
        caller.require_merchant(shown.merchant_id)
        wish = BenefitWish(
            program_id=program,
            member_id=shown.member_id,
            benefit_id=shown.benefit_id,
            merchant_id=shown.merchant_id,
            currency=shown.currency,
            lines=shown.bill_lines(),
            receipt_id=shown.receipt_id,
            idempotency_key=idempotency_key,
            body_hash=shown.sha256(),
        )
        return BenefitUseAnswer.of(await use_benefit(running, wish))

    @router.get(_USES + "/{use_id}")
    async def show_use(
        program: Program, use_id: UUID, caller: Annotated[Caller, Depends(access.till)]
    ) -> BenefitUseAnswer:
        return BenefitUseAnswer.of(await _found_use(program, use_id, caller))

    @router.post(_USES + "/{use_id}/undo")
    async def undo(
        program: Program, use_id: UUID, undoing: Undoing, caller: Annotated[Caller, Depends(access.till)]
    ) -> BenefitUseAnswer:
        found = await _found_use(program, use_id, caller)
        return BenefitUseAnswer.of(await undo_benefit_use(running, found, undoing.reason))

    async def _found_use(program: str, use_id: UUID, caller: Caller) -> BenefitUse:
        found = await read_use(pool, use_id)
        if found is None or found.program_id != program or not caller.sees(program, merchant_id=found.merchant_id):
            raise ProblemError(404, "NOT_FOUND", f"There is no use {use_id} of a benefit.")
        return found

    return router
