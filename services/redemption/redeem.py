"""A member spends points: one transaction under the wallet's lock, answered alike for one idempotency key."""

from datetime import datetime

from services.redemption.desk import RedemptionDesk, Spending, SpendingRequest
from services.redemption.domain.debit import HeldForReviewError, InsufficientPointsError, debit
from services.redemption.outcomes import post_maturities, post_redemption
from services.redemption.store.queries import find_redemption, lock_wallet, read_clock, record_refusal
from services.redemption.store.save import save_under_lock
from shared.events.reason_codes import ReasonCode, describe
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection, Pool


async def redeem(pool: Pool, request: SpendingRequest) -> None:
    """Debit the wallet, or find that this very request was done before.

    Raises ProblemError: 404 for an unknown member, 409 IDEMPOTENCY_KEY_REUSED for another body under the same key,
    409 INSUFFICIENT_POINTS, or HELD_FOR_REVIEW where a hold is why (C26), with the amounts; both are recorded and
    change nothing.
    """
    try:
        async with pool.acquire() as connection, connection.transaction():
            await _redeem_locked(connection, request)
    except InsufficientPointsError as short:
        code, advice = _why(short)
        await record_refusal(pool, request, code, short.spendable)
        raise _refusal(
            code,
            f"{short.wanted} points were asked for and {short.spendable} can be spent now; {advice}",
            request,
            points=short.wanted,
            available=short.spendable,
        ) from short


async def _redeem_locked(connection: Connection, request: SpendingRequest) -> None:
    desk = await lock_wallet(connection, request.member)
    if desk is None:
        raise unknown_member()
    done = await find_redemption(connection, request.member, request.idempotency_key)
    if done is not None:
        if done["body_hash"] != request.body_hash:
            raise _refusal(
                ReasonCode.IDEMPOTENCY_KEY_REUSED,
                "This Idempotency-Key was used before with another body; send a new request under a new key.",
                request,
            )
        return
    _spend(desk, request, await read_clock(connection))
    await save_under_lock(connection, desk)


def _spend(desk: RedemptionDesk, request: SpendingRequest, requested_at: datetime) -> None:
    """Raises InsufficientPointsError before anything is posted but what the clock did."""
    post_maturities(desk, [request.member])
    wallet, spent = debit(desk.wallet(request.member), request.points)
    desk.keep(request.member, wallet)
    post_redemption(desk, Spending(request, requested_at, spent))


def _why(short: InsufficientPointsError) -> tuple[ReasonCode, str]:
    if isinstance(short, HeldForReviewError):
        return ReasonCode.HELD_FOR_REVIEW, "the others are held until a person has reviewed the case."
    return ReasonCode.INSUFFICIENT_POINTS, "ask for fewer."


def unknown_member() -> ProblemError:
    return ProblemError(
        404,
        "NOT_FOUND",
        "This program has no such member; a member.registered or points.granted event opens the wallet.",
    )


def _refusal(code: ReasonCode, detail: str, request: SpendingRequest, **amounts: int) -> ProblemError:
    """A refusal as the red lines ask for it: code, reason in both languages, control, request id, appeal path."""
    reason = describe(code)
    return ProblemError(
        409,
        code.value,
        detail,
        headers=None,
        reason={"zh-CN": reason.zh, "en": reason.en},
        control=reason.control,
        request_id=str(request.redemption_id),
        appeal={"zh-CN": reason.appeal_zh, "en": reason.appeal},
        **amounts,
    )
