"""The seals over HTTP: how far all is sealed, and whether the newest blocks hold (C29)."""

from typing import Any

import asyncpg
import pytest

from services.redemption.sweepers.seal_journal import seal_up_to_now
from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import PROGRAM, Redemption, grant
from tests.integration.redemption.ordering import open_for_orders

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _seals(redemption: Redemption) -> Any:
    answer = await redemption.http.get("/v1/seals")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _verified(redemption: Redemption, blocks: int = 100, **asked: int) -> Any:
    path = f"/v1/programs/{PROGRAM}/seals/verification"
    answer = await redemption.http.get(path, params={"blocks": blocks, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _three_blocks(redemption: Redemption) -> None:
    for name in "abc":
        await redemption.post(grant(f"{name}1", 10), grant(f"{name}2", 20))
        assert await seal_up_to_now(redemption.running.pool)


async def test_the_last_block_and_what_waits_are_told(redemption: Redemption) -> None:
    open_for_orders(redemption)
    assert [one["block_no"] for one in (await _seals(redemption))["programs"]] == [None]
    await _three_blocks(redemption)
    await redemption.post(grant("d", 1))
    told = await _seals(redemption)
    (head,) = told["programs"]
    assert (head["program_id"], head["block_no"], head["rows"]) == (PROGRAM, 3, 2)
    (block,) = await redemption.running.pool.fetch("SELECT * FROM journal_block WHERE block_no = 3")
    assert (head["block_hash"], told["up_to_entry"]) == (block["block_hash"].hex(), block["up_to_entry"])
    assert told["waiting"] == 1


async def test_untouched_blocks_hold(redemption: Redemption) -> None:
    nothing = await _verified(redemption)
    assert (nothing["blocks"], nothing["rows"], nothing["broken"]) == (0, 0, [])
    assert (nothing["newest"], nothing["oldest"]) == (None, None)
    await _three_blocks(redemption)
    whole, newest = await _verified(redemption), await _verified(redemption, 2)
    assert (whole["blocks"], whole["rows"], whole["broken"]) == (3, 6, [])
    assert (newest["blocks"], newest["rows"], newest["broken"]) == (2, 4, [])
    assert (newest["newest"], newest["oldest"]) == (3, 2)
    older = await _verified(redemption, before=newest["oldest"])
    assert (older["newest"], older["oldest"], older["rows"], older["broken"]) == (1, 1, 2, [])


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE redemption.journal SET points = points + 1 WHERE entry_id = 3", [(2, "ROWS_CHANGED")]),
        ("DELETE FROM redemption.journal WHERE entry_id = 1", [(1, "ROWS_CHANGED")]),
        ("DELETE FROM redemption.journal_block WHERE block_no = 2", [(1, "CHAIN_BROKEN")]),
        ("DELETE FROM redemption.journal_block WHERE block_no = 1", [(2, "CHAIN_BROKEN")]),
        (
            "UPDATE redemption.journal_block SET entries = overlay(entries placing '\\x00' from 40) WHERE block_no = 3",
            [(3, "ROWS_CHANGED"), (3, "TREE_CHANGED")],
        ),
    ],
)
async def test_what_a_superuser_touched_is_found(
    redemption: Redemption, database: Database, tampering: str, broken: list[tuple[int, str]]
) -> None:
    await _three_blocks(redemption)
    await _tamper(database, tampering)
    assert _broken(await _verified(redemption)) == broken


@pytest.mark.parametrize(
    ("tampering", "before", "broken"),
    [
        ("UPDATE redemption.journal SET points = points + 1 WHERE entry_id = 1", 2, [(1, "ROWS_CHANGED")]),
        ("DELETE FROM redemption.journal_block WHERE block_no = 2", 2, [(1, "CHAIN_BROKEN")]),
        ("DELETE FROM redemption.journal_block WHERE block_no = 1", 2, [(2, "CHAIN_BROKEN")]),
        ("UPDATE redemption.journal SET points = points + 1 WHERE entry_id = 5", 3, []),
    ],
)
async def test_older_blocks_are_looked_at_beside_the_next(
    redemption: Redemption, database: Database, tampering: str, before: int, broken: list[tuple[int, str]]
) -> None:
    await _three_blocks(redemption)
    await _tamper(database, tampering)
    assert _broken(await _verified(redemption, before=before)) == broken


async def _tamper(database: Database, tampering: str) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute("SET session_replication_role = replica")
        await admin.execute(tampering)
    finally:
        await admin.close()


def _broken(verified: Any) -> list[tuple[int, str]]:
    return [(one["block_no"], one["wrong"]) for one in verified["broken"]]
