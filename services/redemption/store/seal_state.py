"""What is told of the seals: how far all is sealed, each program's last block, and blocks beside their journal rows."""

from collections.abc import Sequence

import asyncpg

from shared.runtime.postgres import Connection

SEALED = """
    SELECT h.up_to_entry, h.sealed_at, now() AS as_of,
           (CASE WHEN s.is_called THEN s.last_value ELSE 0 END) - h.up_to_entry AS waiting
      FROM seal_horizon AS h, journal_entry_id_seq AS s
"""
HEADS = """
    SELECT b.program_id, b.block_no, b.rows, b.sealed_at, b.block_hash
      FROM unnest($1::text[]) AS p (program_id),
           LATERAL (SELECT program_id, block_no, rows, sealed_at, block_hash FROM journal_block
                     WHERE program_id = p.program_id ORDER BY block_no DESC LIMIT 1) AS b
"""
# Newest first; `found` are the block's entries as its rows give them now.
NEWEST_BLOCKS = """
    SELECT b.program_id, b.block_no, b.after_entry, b.up_to_entry, b.rows, b.sealed_at, b.root, b.previous_hash,
           b.entries, b.block_hash, r.found
      FROM (SELECT * FROM journal_block WHERE program_id = $1 AND block_no < $2 ORDER BY block_no DESC LIMIT $3) AS b,
           LATERAL (SELECT string_agg(int8send(entry_id) || journal_hash(
                                          program_id, member_id, lot_id, grant_id, from_account, to_account, points,
                                          cause_type, cause_key, cause_id, business_time, posted_at), ''::bytea
                                      ORDER BY entry_id) AS found
                      FROM journal WHERE entry_id > b.after_entry AND entry_id <= b.up_to_entry
                       AND program_id = b.program_id) AS r
     ORDER BY b.block_no DESC
"""
# What the block below it must fit: where it starts, and the hash it names.
BLOCK_FROM = """
    SELECT block_no, after_entry, previous_hash FROM journal_block
     WHERE program_id = $1 AND block_no >= $2 ORDER BY block_no LIMIT 1
"""


async def read_sealed(connection: Connection) -> asyncpg.Record:
    row = await connection.fetchrow(SEALED)
    assert row is not None  # noqa: S101 - the migration made the only row
    return row


async def read_heads(connection: Connection, programs: Sequence[str]) -> list[asyncpg.Record]:
    return await connection.fetch(HEADS, programs)


async def read_newest_blocks(connection: Connection, program: str, before: int, limit: int) -> list[asyncpg.Record]:
    """At most `limit` blocks below number `before`, with what their rows give."""
    return await connection.fetch(NEWEST_BLOCKS, program, before, limit)


async def read_block_from(connection: Connection, program: str, number: int) -> asyncpg.Record | None:
    """The first block from this number on; None where the chain ends before it."""
    return await connection.fetchrow(BLOCK_FROM, program, number)
