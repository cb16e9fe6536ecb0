"""Quotes that ended long ago are deleted; an order has all it needs of its quote in its own rows."""

from datetime import timedelta

from services.redemption.metrics import QUOTES_DELETED
from services.redemption.store.quotes import delete_ended
from shared.runtime.service import Running

AT_ONCE = 500


async def sweep_quotes(running: Running) -> None:
    """Each batch is a transaction of its own, the oldest first. Any number of workers may sweep."""
    kept_for = timedelta(days=running.settings.quote_days)
    deleted = AT_ONCE
    while deleted == AT_ONCE:
        deleted = await delete_ended(running.pool, kept_for, AT_ONCE)
        QUOTES_DELETED.inc(deleted)
