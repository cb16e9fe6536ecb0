"""What an export with proofs reads: journal rows, the blocks they are sealed in, and those blocks' entries."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from shared.runtime.postgres import Connection, Pool

_COLUMNS = (
    "entry_id, program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type, cause_key, "
    "cause_id, business_time, posted_at, row_hash"
)
MEMBER_ROWS = f"""
    SELECT {_COLUMNS} FROM journal
     WHERE program_id = $1 AND member_id = $2 AND entry_id > $3 ORDER BY entry_id LIMIT $4
"""  # noqa: S608 - columns of our own
# Every movement of the lots that paid, so that each point can be followed from its issue on.
REDEMPTION_ROWS = f"""
    SELECT {_COLUMNS} FROM journal
     WHERE program_id = $1 AND member_id = $2 AND entry_id > $3
       AND lot_id = ANY(ARRAY(SELECT lot_id FROM allocation WHERE redemption_id = $5)) ORDER BY entry_id LIMIT $4
"""  # noqa: S608 - columns of our own
BLOCKS_OF = """
    SELECT DISTINCT b.block_no
      FROM unnest($2::bigint[]) AS e (entry_id),
           LATERAL (SELECT block_no FROM journal_block WHERE program_id = $1 AND up_to_entry >= e.entry_id
                     ORDER BY up_to_entry LIMIT 1) AS b
     ORDER BY b.block_no
"""
_BLOCK = """
    SELECT block_no, after_entry, up_to_entry, rows, sealed_at, root, previous_hash, block_hash, entries
      FROM journal_block WHERE program_id = $1 AND block_no = $2
"""
BLOCK_PAGE = """
    SELECT block_no, after_entry, up_to_entry, rows, sealed_at, root, previous_hash, block_hash
      FROM journal_block WHERE program_id = $1 AND block_no > $2 ORDER BY block_no LIMIT $3
"""
_OWNER = "SELECT program_id, member_id FROM redemption WHERE redemption_id = $1"


async def read_owner(pool: Pool, redemption_id: UUID) -> tuple[str, str] | None:
    """Program and member of a redemption."""
    row = await pool.fetchrow(_OWNER, redemption_id)
    return None if row is None else (row["program_id"], row["member_id"])


async def read_rows(
    connection: Connection, member: tuple[str, str], after: int, limit: int, redemption_id: UUID | None
) -> list[asyncpg.Record]:
    """A page of a member's journal rows, the oldest first; with a redemption those of the lots it took from."""
    if redemption_id is None:
        return await connection.fetch(MEMBER_ROWS, *member, after, limit)
    return await connection.fetch(REDEMPTION_ROWS, *member, after, limit, redemption_id)


async def read_block_numbers(connection: Connection, program: str, entries: Sequence[int]) -> list[int]:
    """The blocks that hold these entries; what is not sealed yet is in none."""
    return [row["block_no"] for row in await connection.fetch(BLOCKS_OF, program, entries)]


async def read_block(connection: Connection, program: str, number: int) -> asyncpg.Record:
    row = await connection.fetchrow(_BLOCK, program, number)
    assert row is not None  # noqa: S101 - its number was read in this transaction, and no block is ever deleted
    return row


async def read_blocks(pool: Pool, program: str, after: int, limit: int) -> list[asyncpg.Record]:
    """A page of a program's blocks without their entries, the oldest first."""
    return await pool.fetch(BLOCK_PAGE, program, after, limit)
