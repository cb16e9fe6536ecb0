"""Ids and times of what redemption tells follow from causes: doing it again tells the same events, not new ones."""

import pytest

from services.redemption.sweepers.sweep_maturity import sweep_maturity
from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import Told, clawed_back, grant, long_ago, start, stop

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_same_events_in_other_batches_tell_the_same(database: Database, module_database: Database) -> None:
    day = long_ago(20)
    events = [
        grant("r1", 300, at=day, wait_days=7),
        clawed_back("f1", 50, of="r1", at=day),
        grant("r2", 120, member="m-2", at=day),
        clawed_back("f2", 120, of="r2", member="m-2", at=day),
    ]
    together = await _tell(database, [events])
    one_by_one = await _tell(module_database, [[event] for event in events])
    assert together == one_by_one
    assert len(together) == 3  # two claw-backs, one maturity


async def _tell(database: Database, batches: list[list[Told]]) -> dict[object, object]:
    redemption = await start(database.dsns["redemption"])
    try:
        for batch in batches:
            await redemption.post(*batch)
        await sweep_maturity(redemption.running)
        await redemption.assert_books_hold()
        rows = await redemption.running.pool.fetch("SELECT event_id, payload FROM outbox")
    finally:
        await stop(redemption)
    return {row["event_id"]: row["payload"] for row in rows}
