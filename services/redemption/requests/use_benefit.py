"""A standing right at the till: judged by the version in force, counted, paid by its budget. One transaction each."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.balance import balance
from services.redemption.domain.benefit import Holder, cost_of, next_place, period_of, require_open_to
from services.redemption.domain.clock import catch_up
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.voucher import BillLine
from services.redemption.domain.wallet import Wallet
from services.redemption.domain.who_may import require_may_redeem
from services.redemption.outcomes import SOURCE
from services.redemption.refusals import Asked, answering, key_reused, unknown_member
from services.redemption.requests.plan_order import in_force
from services.redemption.store.benefits import (
    BenefitUse,
    draw,
    insert_use,
    places_taken,
    read_use,
    undo_use,
    use_by_key,
)
from services.redemption.store.members import read_profile
from services.redemption.store.queries import lock_wallet, read_clock, read_totals
from services.redemption.store.save import save_under_lock
from services.redemption.store.vouchers import lock_member
from services.redemption.told.benefits import tell_benefit_restored, tell_benefit_used
from shared.events.cloudevent import derived_id
from shared.events.reason_codes import ReasonCode
from shared.programs.benefits import AnyBenefit
from shared.programs.expiry import business_day
from shared.programs.pack import ProgramPack
from shared.programs.versions import ProgramBook
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection
from shared.runtime.service import Running


class BenefitWish(NamedTuple):
    """A member's right shown at a till, for a bill."""

    program_id: str
    member_id: str
    benefit_id: str
    merchant_id: str
    currency: str
    lines: tuple[BillLine, ...]
    receipt_id: str | None
    idempotency_key: str
    body_hash: bytes

    @property
    def use_id(self) -> UUID:
        """One key of a merchant, one use."""
        return derived_id(f"{SOURCE}/{self.program_id}/{self.merchant_id}", self.idempotency_key, "benefit-use")


async def use_benefit(running: Running, wish: BenefitWish) -> BenefitUse:
    """Use it, or find that this very request was done before.

    Raises ProblemError: 404 for an unknown program, member or benefit; 409 NOT_ELIGIBLE, LIMIT_REACHED,
    BUDGET_EXHAUSTED, VOUCHER_NOT_APPLICABLE, LISTED_PARTY, ACCOUNT_CLOSED, which are recorded; IDEMPOTENCY_KEY_REUSED.
    """
    asked = Asked(wish.program_id, wish.member_id, "benefit", str(wish.use_id), wish.idempotency_key)
    async with answering(running.pool, asked), running.pool.acquire() as connection, connection.transaction():
        locked = await lock_wallet(connection, (wish.program_id, wish.member_id))
        if locked is None:
            raise unknown_member()
        done = await use_by_key(connection, wish.program_id, wish.merchant_id, wish.idempotency_key)
        if done is not None:
            if done.body_hash != wish.body_hash:
                raise key_reused(asked)
            return done
        return await _use(connection, running.programs, wish, locked.wallet((wish.program_id, wish.member_id)))


async def _use(connection: Connection, programs: ProgramBook, wish: BenefitWish, wallet: Wallet) -> BenefitUse:
    now = await read_clock(connection)
    pack = in_force(programs, wish.program_id, now).pack
    benefit = benefit_of(pack, wish.benefit_id)
    member = (wish.program_id, wish.member_id)
    day = business_day(now, ZoneInfo(pack.time_zone))
    require_open_to(benefit, pack, await _holder(connection, member, wallet), wish.merchant_id, day)
    if wish.currency != pack.currency:
        raise RefusedError(ReasonCode.VOUCHER_NOT_APPLICABLE, f"This program's bills are in {pack.currency}.")
    period = period_of(benefit.per, day)
    taken = await places_taken(connection, member, benefit.benefit_id, period)
    place, cost = next_place(benefit, taken), cost_of(benefit, wish.lines)
    approved = _approved(programs, wish.program_id, benefit.budget_id)
    used = await draw(connection, wish.program_id, benefit.budget_id, approved, cost)
    if used is None:
        raise RefusedError(
            ReasonCode.BUDGET_EXHAUSTED,
            f"Budget {benefit.budget_id} cannot pay the {cost} minor units of benefit {benefit.benefit_id}.",
        )
    use = _made(wish, benefit, pack, period=period, place=place, cost=cost, now=now)
    await insert_use(connection, use, wish.idempotency_key)
    desk = RedemptionDesk()
    tell_benefit_used(desk, use, wish.idempotency_key, times_after=len(taken) + 1, budget_used_after=used)
    await save_under_lock(connection, desk)
    return use


async def undo_benefit_use(running: Running, use: BenefitUse, reason: str) -> BenefitUse:
    """The till voided the bill: the use counts no longer. Twice changes nothing."""
    async with running.pool.acquire() as connection, connection.transaction():
        await lock_member(connection, (use.program_id, use.member_id))
        stands = await read_use(connection, use.use_id)
        if stands is None:
            raise LookupError(f"Use {use.use_id} of a benefit was there a moment ago.")
        if stands.undone_at is not None:
            return stands
        now = await read_clock(connection)
        budget_used = await undo_use(connection, stands, now, reason)
        desk = RedemptionDesk()
        tell_benefit_restored(desk, stands, now, reason, budget_used_after=budget_used)
        await save_under_lock(connection, desk)
        undone = await read_use(connection, use.use_id)
    return undone or stands


def benefit_of(pack: ProgramPack, benefit_id: str) -> AnyBenefit:
    """Raises ProblemError 404 for one that is not there or switched off."""
    for benefit in pack.benefits:
        if benefit.enabled and benefit.benefit_id == benefit_id:
            return benefit
    raise ProblemError(404, "NOT_FOUND", f"This program has no benefit {benefit_id} now.")


async def _holder(connection: Connection, member: Member, wallet: Wallet) -> Holder:
    profile = await read_profile(connection, member)
    if profile is not None:
        require_may_redeem(profile)
    matured, _, _ = catch_up(wallet)
    lifetime = balance(matured, await read_totals(connection, member)).lifetime
    return Holder(None if profile is None else profile.tier_id, lifetime)


def _approved(programs: ProgramBook, program_id: str, budget_id: str) -> int:
    """As the first version that names the line says; a later one cannot change it."""
    return next(
        budget.approved_minor
        for version in programs.versions(program_id)
        for budget in version.pack.budgets
        if budget.budget_id == budget_id
    )


def _made(
    wish: BenefitWish, benefit: AnyBenefit, pack: ProgramPack, *, period: str, place: int, cost: int, now: datetime
) -> BenefitUse:
    return BenefitUse(
        use_id=wish.use_id,
        program_id=wish.program_id,
        member_id=wish.member_id,
        benefit_id=benefit.benefit_id,
        kind=benefit.kind,
        rule_version=pack.version,
        period=period,
        times=place,
        times_allowed=benefit.times,
        merchant_id=wish.merchant_id,
        receipt_id=wish.receipt_id,
        amount_minor=cost,
        currency=pack.currency,
        budget_id=benefit.budget_id,
        body_hash=wish.body_hash,
        used_at=now,
    )
