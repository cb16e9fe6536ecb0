"""Whether some of a program's blocks still say what its journal says (C29).

`greenpoints audit seals` looks at all of them, from outside, and names each row; this answers a page at once.
"""

from collections.abc import Sequence

import asyncpg

from services.redemption.answers.seals import Broken, SealBreak, SealsVerified
from services.redemption.store.seal_state import read_block_from, read_newest_blocks, read_sealed
from shared.runtime.postgres import Pool
from shared.runtime.sealed_block import NO_BLOCK, Header, root_of_entries

_AT_ONCE = 20  # blocks whose entries and rows are in memory together
_ABOVE_ALL = 2**31 - 1


async def verify_below(pool: Pool, program: str, before: int | None, blocks: int) -> SealsVerified:
    """Compute blocks anew from their rows and fields, each beside the next: the newest below number `before`.

    None means the newest of all.
    """
    numbers, rows, broken = list[int](), 0, list[SealBreak]()
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        as_of = (await read_sealed(connection))["as_of"]
        newer = None if before is None else await read_block_from(connection, program, before)
        below = _ABOVE_ALL if before is None else before
        while len(numbers) < blocks:
            page = await read_newest_blocks(connection, program, below, min(_AT_ONCE, blocks - len(numbers)))
            for block in page:
                broken += _breaks(block, newer)
                rows, below, newer = rows + block["rows"], block["block_no"], block
                numbers.append(below)
            if not page:
                broken += _beginning(newer)
                break
    newest, oldest = (numbers[0], numbers[-1]) if numbers else (None, None)
    return SealsVerified(
        program_id=program, as_of=as_of, blocks=len(numbers), newest=newest, oldest=oldest, rows=rows, broken=broken
    )


def _breaks(block: asyncpg.Record, newer: asyncpg.Record | None) -> Sequence[SealBreak]:
    """What of a block does not fit its rows, itself, or the newer one."""
    header = Header(
        block["program_id"], block["block_no"], block["after_entry"], block["up_to_entry"], block["rows"],
        block["sealed_at"], block["root"], block["previous_hash"],
    )  # fmt: skip
    checks: Sequence[tuple[Broken, bool]] = (
        ("ROWS_CHANGED", block["entries"] == block["found"]),
        ("TREE_CHANGED", root_of_entries(block["entries"]) == block["root"]),
        ("BLOCK_CHANGED", header.hash == block["block_hash"]),
        ("CHAIN_BROKEN", newer is None or _follows(newer, header)),
    )
    return [SealBreak(block_no=header.block_no, wrong=wrong) for wrong, holds in checks if not holds]


def _follows(newer: asyncpg.Record, header: Header) -> bool:
    expected = (header.block_no + 1, header.up_to_entry, header.hash)
    return (newer["block_no"], newer["after_entry"], newer["previous_hash"]) == expected


def _beginning(oldest: asyncpg.Record | None) -> Sequence[SealBreak]:
    """A chain begins with block 1, at the first entry, after no block."""
    if oldest is None or (oldest["block_no"], oldest["after_entry"], oldest["previous_hash"]) == (1, 0, NO_BLOCK):
        return []
    return [SealBreak(block_no=oldest["block_no"], wrong="CHAIN_BROKEN")]
