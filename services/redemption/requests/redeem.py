"""A member spends points: one transaction under the wallet's lock, answered alike for one idempotency key."""

from datetime import datetime

from services.redemption.desk import RedemptionDesk, Spending, SpendingRequest
from services.redemption.domain.debit import debit
from services.redemption.domain.who_may import require_may_redeem
from services.redemption.outcomes import post_redemption
from services.redemption.post_clock import post_clock
from services.redemption.refusals import Asked, answering, key_reused, unknown_member
from services.redemption.store.members import read_profile
from services.redemption.store.queries import find_redemption, lock_wallet, read_clock
from services.redemption.store.save import save_under_lock
from shared.runtime.postgres import Connection, Pool


async def redeem(pool: Pool, request: SpendingRequest) -> None:
    """Debit the wallet, or find that this very request was done before.

    Raises ProblemError: 404 for an unknown member, 409 IDEMPOTENCY_KEY_REUSED for another body under the same key,
    409 LISTED_PARTY (C27), ACCOUNT_CLOSED (C22), INSUFFICIENT_POINTS, or HELD_FOR_REVIEW where a hold is why (C26),
    with the amounts; all are recorded and change nothing.
    """
    asked = Asked(*request.member, "redemption", str(request.redemption_id), request.idempotency_key)
    async with answering(pool, asked), pool.acquire() as connection, connection.transaction():
        await _redeem_locked(connection, request, asked)


async def _redeem_locked(connection: Connection, request: SpendingRequest, asked: Asked) -> None:
    desk = await lock_wallet(connection, request.member)
    if desk is None:
        raise unknown_member()
    done = await find_redemption(connection, request.member, request.idempotency_key)
    if done is not None:
        if done["body_hash"] != request.body_hash:
            raise key_reused(asked)
        return
    profile = await read_profile(connection, request.member)
    if profile is not None:
        require_may_redeem(profile)
    spend(desk, request, await read_clock(connection))
    await save_under_lock(connection, desk)


def spend(desk: RedemptionDesk, request: SpendingRequest, requested_at: datetime) -> None:
    """Take the points from the locked wallet.

    Raises InsufficientPointsError before anything is posted but what the clock did.
    """
    post_clock(desk, [request.member])
    wallet, spent = debit(desk.wallet(request.member), request.points)
    desk.keep(request.member, wallet)
    post_redemption(desk, Spending(request, requested_at, spent))
