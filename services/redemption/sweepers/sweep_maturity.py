"""The maturity sweeper: posts pending → available when the database clock has passed a lot's `available_at`."""

from services.redemption.outcomes import post_maturities
from services.redemption.store.save import save_under_lock
from services.redemption.store.sweep import load_due
from services.redemption.sweepers.by_wallet import Turn, sweep_by_wallet
from shared.runtime.postgres import Connection
from shared.runtime.service import Running

LOTS_AT_ONCE = 2000


async def sweep_maturity(running: Running) -> None:
    """Post and tell all maturities that are due. Any number of workers may sweep, and twice changes nothing."""
    await sweep_by_wallet(running.pool, _post_maturities, LOTS_AT_ONCE)


async def _post_maturities(connection: Connection, turn: Turn) -> bool:
    desk = await load_due(connection, turn.at_most, turn.stuck)
    turn.taken.update({member: next(iter(wallet.lots)) for member, wallet in desk.loaded.items() if wallet.lots})
    post_maturities(desk, sorted(desk.loaded))
    if not desk.changed_lots():
        return False
    await save_under_lock(connection, desk)
    return True
