"""Sweeping due lots many wallets at a time, where one wallet that cannot be saved holds up nobody else's."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.redemption.desk import Member
from shared.runtime.postgres import DATABASE_AWAY, Connection, Pool

log = structlog.get_logger()

LOTS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Turn:
    """One transaction: it takes the wallets of the `lots` earliest due lots, but none of `stuck`.

    It notes in `taken` whose wallets these are, each with one of the due lots.
    """

    lots: int
    stuck: Collection[Member]
    taken: dict[Member, UUID] = field(default_factory=dict)


async def sweep_by_wallet(pool: Pool, take: Callable[[Connection, Turn], Awaitable[bool]]) -> None:
    """One turn after the other until `take` answers that nothing is due which is not locked elsewhere.

    A turn that fails is tried again with half as many lots, until a single wallet is at fault: it is told by the id of
    a lot, and left to the next round.
    """
    stuck: set[Member] = set()
    lots = LOTS_AT_ONCE
    while True:
        turn = Turn(lots, stuck)
        try:
            async with pool.acquire() as connection, connection.transaction():
                if not await take(connection, turn):
                    return
            lots = min(LOTS_AT_ONCE, 2 * lots)
        except DATABASE_AWAY:
            raise
        except Exception:
            if not turn.taken:
                raise
            if len(turn.taken) == 1:
                log.exception("wallet not swept", sweep=take.__name__, lot=str(*turn.taken.values()))
                stuck |= turn.taken.keys()
            lots = max(1, lots // 2)
