"""A voucher at the till: judged, used once, and given back when the till voids the bill. One transaction each."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.voucher import BillLine, Reduction, reduction
from services.redemption.domain.who_may import require_may_redeem
from services.redemption.mint import hash_code
from services.redemption.outcomes import SOURCE
from services.redemption.refusals import Asked, answering, key_reused
from services.redemption.store.members import read_profile
from services.redemption.store.queries import read_clock
from services.redemption.store.save import save_under_lock
from services.redemption.store.voucher_requests import recall_of
from services.redemption.store.vouchers import (
    Voucher,
    VoucherUse,
    end,
    insert_use,
    lock_member,
    owner_of_code,
    read_use,
    read_voucher,
    undo_use,
    use_by_key,
    voucher_by_code,
)
from services.redemption.told.vouchers import tell_ended, tell_restored, tell_used
from shared.events.cloudevent import derived_id
from shared.events.reason_codes import ReasonCode
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection, Pool


class VoucherWish(NamedTuple):
    """A code shown at a till, for a bill."""

    program_id: str
    merchant_id: str
    code: str
    currency: str
    lines: tuple[BillLine, ...]
    receipt_id: str | None
    idempotency_key: str
    body_hash: bytes

    @property
    def use_id(self) -> UUID:
        """One key of a merchant, one use."""
        return derived_id(f"{SOURCE}/{self.program_id}/{self.merchant_id}", self.idempotency_key, "voucher-use")


async def check_voucher(pool: Pool, wish: VoucherWish) -> tuple[Voucher, Reduction]:
    """What the voucher would take off the bill now; nothing is used. Raises ProblemError as `use_voucher` does."""
    code_sha256 = hash_code(wish.code)
    async with pool.acquire() as connection:
        owner = await owner_of_code(connection, code_sha256)
    asked = _asked(wish, owner)
    async with answering(pool, asked), pool.acquire() as connection, connection.transaction(readonly=True):
        return await _judge(connection, wish, code_sha256)


async def use_voucher(pool: Pool, wish: VoucherWish) -> VoucherUse:
    """Use it, or find that this very request was done before.

    Raises ProblemError: 404 for a code that no voucher of the program has; 409 VOUCHER_USED, VOUCHER_EXPIRED,
    VOUCHER_ENDED, VOUCHER_NOT_APPLICABLE, LISTED_PARTY, ACCOUNT_CLOSED, which are recorded; IDEMPOTENCY_KEY_REUSED.
    """
    code_sha256 = hash_code(wish.code)
    async with pool.acquire() as connection:
        owner = await owner_of_code(connection, code_sha256)
    asked = _asked(wish, owner)
    async with answering(pool, asked), pool.acquire() as connection, connection.transaction():
        await lock_member(connection, (asked.program_id, asked.member_id))
        done = await use_by_key(connection, wish.program_id, wish.merchant_id, wish.idempotency_key)
        if done is not None:
            if done.body_hash != wish.body_hash:
                raise key_reused(asked)
            return done
        voucher, off = await _judge(connection, wish, code_sha256)
        use = _use(wish, voucher, off, await read_clock(connection))
        await insert_use(connection, use, wish.idempotency_key)
        desk = RedemptionDesk()
        tell_used(desk, voucher, use, wish.idempotency_key)
        await save_under_lock(connection, desk)
        return use


async def undo_voucher_use(pool: Pool, use: VoucherUse, reason: str) -> VoucherUse:
    """The till voided the bill: the voucher can be used again until its date. Twice changes nothing.

    One that was recalled meanwhile ends instead.
    """
    async with pool.acquire() as connection, connection.transaction():
        await lock_member(connection, (use.program_id, use.member_id))
        stands = await read_use(connection, use.use_id)
        voucher = await read_voucher(connection, use.voucher_id)
        if stands is None or voucher is None:
            raise LookupError(f"Use {use.use_id} of a voucher was there a moment ago.")
        if stands.undone_at is not None:
            return stands
        now = await read_clock(connection)
        await undo_use(connection, stands, now, reason)
        desk = RedemptionDesk()
        tell_restored(desk, voucher, stands, now, reason)
        recall = await recall_of(connection, voucher)
        if recall is not None:
            await end(connection, [voucher], "recalled", now)
            tell_ended(desk, voucher, "recalled", recall, now)
        await save_under_lock(connection, desk)
        undone = await read_use(connection, use.use_id)
    return undone or stands


async def _judge(connection: Connection, wish: VoucherWish, code_sha256: bytes) -> tuple[Voucher, Reduction]:
    voucher = await voucher_by_code(connection, code_sha256)
    if voucher is None:
        raise unknown_code()
    profile = await read_profile(connection, voucher.member)
    if profile is not None:
        require_may_redeem(profile)
    _require_usable(voucher)
    if wish.currency != voucher.terms.currency:
        raise RefusedError(ReasonCode.VOUCHER_NOT_APPLICABLE, f"This voucher is for bills in {voucher.terms.currency}.")
    return voucher, reduction(voucher.terms, wish.merchant_id, wish.lines)


def _require_usable(voucher: Voucher) -> None:
    until = voucher.valid_until.isoformat()
    if voucher.state == "used":
        raise RefusedError(ReasonCode.VOUCHER_USED, "This voucher was used on another bill; it can be used once.")
    if voucher.state == "expired" or voucher.end_reason == "expired":
        raise RefusedError(ReasonCode.VOUCHER_EXPIRED, f"This voucher could be used until {until}.")
    if voucher.state == "ended":
        why = {"returned": "was returned", "recalled": "was recalled", "member_closed": "ended with its account"}
        raise RefusedError(ReasonCode.VOUCHER_ENDED, f"This voucher {why[voucher.end_reason or 'recalled']}.")


def _use(wish: VoucherWish, voucher: Voucher, off: Reduction, now: datetime) -> VoucherUse:
    return VoucherUse(
        use_id=wish.use_id,
        voucher_id=voucher.voucher_id,
        program_id=voucher.program_id,
        member_id=voucher.member_id,
        merchant_id=wish.merchant_id,
        receipt_id=wish.receipt_id,
        counted_minor=off.counted_minor,
        amount_minor=off.amount_minor,
        currency=wish.currency,
        body_hash=wish.body_hash,
        used_at=now,
    )


def _asked(wish: VoucherWish, owner: tuple[str, str] | None) -> Asked:
    """A code of another program is as unknown as one that never was."""
    if owner is None or owner[0] != wish.program_id:
        raise unknown_code()
    return Asked(*owner, "voucher", str(wish.use_id), wish.idempotency_key)


def unknown_code() -> ProblemError:
    return ProblemError(404, "NOT_FOUND", "No voucher of this program has this code; ask the member to show it again.")
