"""A member closes the account: asked of redemption, for it alone knows what is given up with it (C22)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Cause, Member, RedemptionDesk
from services.redemption.domain.closing import require_acknowledged, unspent
from services.redemption.give_up import give_up_points
from services.redemption.outcomes import SOURCE, emit
from services.redemption.post_clock import post_clock
from services.redemption.refusals import Asked, answering, key_reused, unknown_member
from services.redemption.requests.end_authorization import release_open_authorizations
from services.redemption.requests.vouchers_of_orders import end_vouchers_of_member
from services.redemption.store.closing import Closure, find_closure, save_closure
from services.redemption.store.queries import lock_wallet, read_clock
from services.redemption.store.save import save_under_lock
from shared.events.cloudevent import derived_id, event_key
from shared.events.keys import member_key
from shared.events.member_closed import MemberClosed
from shared.runtime.postgres import Connection, Pool


@dataclass(frozen=True, slots=True)
class ClosingRequest:
    """`acknowledged` points are given up knowingly; `body_hash` is SHA-256 over the body's canonical form."""

    member: Member
    acknowledged: int
    idempotency_key: str
    body_hash: bytes

    @property
    def closure_id(self) -> UUID:
        """An account is closed once."""
        return derived_id(SOURCE, member_key(*self.member), "closure")


async def close_account(pool: Pool, request: ClosingRequest) -> Closure:
    """Close it, or find it closed: whoever asks again, under whatever key, is told of the one closing.

    Raises ProblemError: 404 for an unknown member, 409 UNSPENT_POINTS_ACK_REQUIRED with the points, recorded and
    changing nothing, and 409 IDEMPOTENCY_KEY_REUSED for another body under the same key.
    """
    asked = Asked(*request.member, "closure", str(request.closure_id), request.idempotency_key)
    async with answering(pool, asked), pool.acquire() as connection, connection.transaction():
        desk = await lock_wallet(connection, request.member)
        if desk is None:
            raise unknown_member()
        done = await find_closure(connection, request.member)
        if done is None:
            return await _close(connection, desk, request, await read_clock(connection))
        if done.idempotency_key == request.idempotency_key and done.body_hash != request.body_hash:
            raise key_reused(asked)
        return done


async def _close(connection: Connection, desk: RedemptionDesk, request: ClosingRequest, now: datetime) -> Closure:
    """Raises RefusedError."""
    member = request.member
    post_clock(desk, [member])
    await release_open_authorizations(connection, desk, member, now)
    require_acknowledged(desk.wallet(member), request.acknowledged)
    there_were = unspent(desk.wallet(member))
    event_id = derived_id(SOURCE, str(request.closure_id), "member.closed")
    cause = Cause(MemberClosed.TYPE, event_key(SOURCE, str(event_id)), str(event_id), now)
    forfeited = give_up_points(desk, member, cause)
    await end_vouchers_of_member(connection, desk, member, cause)
    closure = Closure(
        closure_id=request.closure_id,
        event_id=event_id,
        program_id=member[0],
        member_id=member[1],
        idempotency_key=request.idempotency_key,
        body_hash=request.body_hash,
        acknowledged=request.acknowledged,
        unspent=there_were,
        forfeited=forfeited,
        closed_at=now,
    )
    emit(desk, event_id, cause, _told(closure))
    await save_under_lock(connection, desk)
    await save_closure(connection, closure)
    return closure


def _told(closure: Closure) -> MemberClosed:
    return MemberClosed(
        program_id=closure.program_id,
        member_id=closure.member_id,
        causation_id=closure.idempotency_key,
        correlation_id=str(closure.closure_id),
        closed_at=closure.closed_at,
        points_forfeited=closure.forfeited,
        points_unspent=closure.unspent,
        points_acknowledged=closure.acknowledged,
        idempotency_key=closure.idempotency_key,
        body_hash=closure.body_hash.hex(),
    )
