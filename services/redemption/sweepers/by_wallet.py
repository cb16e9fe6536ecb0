"""Sweeping what is due many wallets at a time, where one wallet that cannot be saved holds up nobody else's."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.redemption.desk import Member
from shared.runtime.postgres import DATABASE_AWAY, Connection, Pool

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Turn:
    """One transaction: it takes the wallets of the `at_most` earliest due things, but none of `stuck`.

    It notes in `taken` whose wallets these are, each with the id of one of its due things, by which it can be told.
    """

    at_most: int
    stuck: Collection[Member]
    taken: dict[Member, UUID] = field(default_factory=dict)


async def sweep_by_wallet(pool: Pool, take: Callable[[Connection, Turn], Awaitable[bool]], at_once: int) -> None:
    """One turn after the other until `take` answers that nothing is due which is not locked elsewhere.

    A turn takes `at_once`; one that fails is tried again with half as many, until a single wallet is at fault: it is
    told, and left to the next round.
    """
    stuck: set[Member] = set()
    at_most = at_once
    while True:
        turn = Turn(at_most, stuck)
        try:
            async with pool.acquire() as connection, connection.transaction():
                if not await take(connection, turn):
                    return
            at_most = min(at_once, 2 * at_most)
        except DATABASE_AWAY:
            raise
        except Exception:
            if not turn.taken:
                raise
            if len(turn.taken) == 1:
                log.exception("wallet not swept", sweep=take.__name__, due=str(*turn.taken.values()))
                stuck |= turn.taken.keys()
            at_most = max(1, at_most // 2)
