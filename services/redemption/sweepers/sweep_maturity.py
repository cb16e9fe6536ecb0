"""The maturity sweeper: posts pending → available when the database clock has passed a lot's `available_at`."""

from services.redemption.outcomes import post_maturities
from services.redemption.store.save import save_under_lock
from services.redemption.store.sweep import load_due
from shared.runtime.service import Running

LOTS_AT_ONCE = 2000


async def sweep_maturity(running: Running) -> None:
    """Post and tell all maturities that are due. Any number of workers may sweep, and twice changes nothing."""
    while await _sweep_some(running):
        continue


async def _sweep_some(running: Running) -> bool:
    """One transaction; False when nothing was due that is not locked elsewhere."""
    async with running.pool.acquire() as connection, connection.transaction():
        desk = await load_due(connection, LOTS_AT_ONCE)
        post_maturities(desk, sorted(desk.loaded))
        if not desk.changed_lots():
            return False
        await save_under_lock(connection, desk)
        return True
