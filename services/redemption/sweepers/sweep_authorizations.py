"""Authorizations that a till left alone release themselves when their time is over (default 15 minutes)."""

from uuid import UUID

import structlog

from services.redemption.desk import Member
from services.redemption.domain.authorization import State
from services.redemption.post_clock import post_clock
from services.redemption.requests.end_authorization import release
from services.redemption.store.authorizations import load_authorizations, read_due
from services.redemption.store.queries import lock_wallet
from services.redemption.store.save import save_under_lock
from shared.runtime.postgres import DATABASE_AWAY
from shared.runtime.service import Running

log = structlog.get_logger()

AT_ONCE = 200


async def sweep_authorizations(running: Running) -> None:
    """Release all that are due, each in a transaction of its own. Any number of workers may sweep.

    One that cannot be released keeps nobody else's points reserved: it is told, and tried again with the next round.
    """
    failed: set[UUID] = set()
    while due := [each for each in await read_due(running.pool, AT_ONCE + len(failed)) if each[0] not in failed]:
        for authorization_id, member in due:
            try:
                await _release(running, authorization_id, member)
            except DATABASE_AWAY:
                raise
            except Exception:
                log.exception("authorization not released", authorization=str(authorization_id))
                failed.add(authorization_id)


async def _release(running: Running, authorization_id: UUID, member: Member) -> None:
    """What a till or another sweep ended meanwhile stays as it is."""
    async with running.pool.acquire() as connection, connection.transaction():
        desk = await lock_wallet(connection, member)
        if desk is None:
            return
        await load_authorizations(connection, desk, [authorization_id])
        placed = desk.authorizations[authorization_id]
        if placed.state is not State.PLACED:
            return
        post_clock(desk, [member])
        release(desk, placed, State.TIMED_OUT, placed.releases_at)
        await save_under_lock(connection, desk)
