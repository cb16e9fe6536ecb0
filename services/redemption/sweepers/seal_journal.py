"""The sealer: closes blocks of committed journal rows, per program, chained by hash (C29).

No writer waits for it and it waits for no writer's row. Entry ids are drawn before their transaction commits, so a
block may close only when whoever drew an id in its range has ended: else a row could appear in a closed block.
"""

import asyncio
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from services.redemption.store.seals import (
    LastBlock,
    insert_block,
    lock_horizon,
    raise_horizon,
    read_last_blocks,
    read_progress,
    read_rows_to_seal,
    read_writers,
    summarize,
)
from shared.runtime.postgres import Connection, Pool
from shared.runtime.sealed_block import ENTRY_BYTES, NO_BLOCK, Header, root_of_entries
from shared.runtime.service import Running

log = structlog.get_logger()

ROUND_SECONDS: Final = 3  # rows wait this long at most, unless very many come at once
ENTRIES_AT_ONCE: Final = 20_000
ROWS_IN_A_BLOCK: Final = 4096  # a proof reads its whole block
_WRITERS_SECONDS: Final = 2.0
_FIRST: Final = LastBlock(0, 0, NO_BLOCK)


async def seal_journal(running: Running) -> None:
    """Seal what has waited long enough. Any number of processes may run it: one seals, the others go on."""
    async with running.pool.acquire() as connection:
        progress = await read_progress(connection, ROUND_SECONDS)
    waiting = progress.drawn - progress.sealed
    if waiting >= ENTRIES_AT_ONCE or (waiting and progress.is_due):
        await seal_up_to_now(running.pool)


async def seal_up_to_now(pool: Pool) -> bool:
    """Seal every row whose entry id is drawn by now; False when a writer did not end, or another process seals."""
    async with pool.acquire() as connection:
        target = (await read_progress(connection, 0)).drawn
        if not await _until_written(connection):
            log.info("sealing waits for a long transaction")
            return False
        while (reached := await _seal_some(connection, target)) is not None:
            if reached >= target:
                await _summarize(connection)
                return True
        return False


async def _until_written(connection: Connection) -> bool:
    """Wait until everybody who writes the journal now has ended; False after a while."""
    writers = await read_writers(connection)
    deadline = asyncio.get_running_loop().time() + _WRITERS_SECONDS
    while writers:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.01)
        writers &= await read_writers(connection)
    return True


async def _seal_some(connection: Connection, target: int) -> int | None:
    """One transaction; up to which entry it sealed, None while another process seals."""
    async with connection.transaction():
        horizon = await lock_horizon(connection)
        if horizon is None:
            return None
        after, sealed_at = horizon
        if after >= target:
            return after
        up_to = min(target, after + ENTRIES_AT_ONCE)
        rows = await read_rows_to_seal(connection, after, up_to)
        last = await read_last_blocks(connection, [program for program, _ in rows])
        for program, entries in rows:
            await _seal_program(connection, program, entries, last.get(program, _FIRST), up_to, sealed_at)
        await raise_horizon(connection, up_to)
        return up_to


async def _seal_program(
    connection: Connection, program: str, entries: bytes, last: LastBlock, up_to: int, sealed_at: datetime
) -> None:
    """The blocks of one program's rows; the last of them reaches up to the horizon."""
    size = ROWS_IN_A_BLOCK * ENTRY_BYTES
    number, after, previous = last.block_no, last.up_to_entry, last.block_hash
    for start in range(0, len(entries), size):
        part = entries[start : start + size]
        is_last = start + size >= len(entries)
        ends_at = up_to if is_last else int.from_bytes(part[-ENTRY_BYTES : 8 - ENTRY_BYTES], "big")
        number += 1
        header = Header(
            program, number, after, ends_at, len(part) // ENTRY_BYTES, sealed_at, root_of_entries(part), previous
        )
        await insert_block(connection, header, part)  # also lets batches go on between two trees
        after, previous = ends_at, header.hash


async def _summarize(connection: Connection) -> None:
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '100ms'")
            await summarize(connection)
    except asyncpg.LockNotAvailableError:
        return  # a vacuum is at it, and does the same
