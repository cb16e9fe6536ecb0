"""An operator lets points live longer; nobody can let them live shorter (C20)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Member
from services.redemption.domain.extension import chosen, extend
from services.redemption.outcomes import SOURCE
from services.redemption.post_clock import post_clock
from services.redemption.refusals import Asked, answering, key_reused, unknown_member
from services.redemption.store.authorizations import load_placed
from services.redemption.store.extensions import Extension, LivesOn, find_extension, save_extension
from services.redemption.store.queries import lock_wallet, read_clock
from services.redemption.store.save import save_under_lock
from services.redemption.told.extensions import Why, tell_extended
from shared.events.cloudevent import derived_id
from shared.events.keys import member_key
from shared.runtime.postgres import Connection, Pool


@dataclass(frozen=True, slots=True)
class ExtensionRequest:
    """`lot_ids` None means every lot that would expire sooner; `expires_at` None that they never expire."""

    member: Member
    lot_ids: tuple[UUID, ...] | None
    expires_at: datetime | None
    reason: str
    person: str
    idempotency_key: str
    body_hash: bytes

    @property
    def extension_id(self) -> UUID:
        return derived_id(f"{SOURCE}/{member_key(*self.member)}", self.idempotency_key, "extension")


async def extend_lots(pool: Pool, request: ExtensionRequest) -> Extension:
    """Move the dates on, or find that this very request did.

    Raises ProblemError: 404 for an unknown member; 409 EXPIRY_SHORTENED for a date that would take life from a named
    lot, NOT_ELIGIBLE for a lot of which nothing is left, both recorded; 409 IDEMPOTENCY_KEY_REUSED.
    """
    asked = Asked(*request.member, "extension", str(request.extension_id), request.idempotency_key)
    async with answering(pool, asked), pool.acquire() as connection, connection.transaction():
        return await _extend_locked(connection, request, asked)


async def _extend_locked(connection: Connection, request: ExtensionRequest, asked: Asked) -> Extension:
    desk = await lock_wallet(connection, request.member)
    if desk is None:
        raise unknown_member()
    done = await find_extension(connection, request.member, request.idempotency_key)
    if done is not None:
        if done.body_hash != request.body_hash:
            raise key_reused(asked)
        return done
    now = await read_clock(connection)
    await load_placed(connection, desk, request.member)  # a lot may be reserved as a whole, and come back
    post_clock(desk, [request.member])
    wallet = desk.wallet(request.member)
    wallet, extended = extend(wallet, chosen(wallet, request.lot_ids, request.expires_at), request.expires_at)
    desk.keep(request.member, wallet)
    why = Why(
        "operator",
        request.extension_id,
        request.idempotency_key,
        now,
        request.person,
        request.reason,
        request.idempotency_key,
        request.body_hash.hex(),
    )
    tell_extended(desk, request.member, extended, why)
    await save_under_lock(connection, desk)
    kept = Extension(
        extension_id=request.extension_id,
        program_id=request.member[0],
        member_id=request.member[1],
        idempotency_key=request.idempotency_key,
        body_hash=request.body_hash,
        expires_at=request.expires_at,
        person=request.person,
        reason=request.reason,
        lots=tuple(LivesOn(each.lot.lot_id, each.lot.remaining, each.expires_before) for each in extended),
        extended_at=now,
    )
    await save_extension(connection, kept)
    return kept
