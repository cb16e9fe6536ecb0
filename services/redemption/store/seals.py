"""The SQL of sealing: which rows are committed for good, and the blocks over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.runtime.postgres import Connection
from shared.runtime.sealed_block import Header

HORIZON = """
    SELECT h.up_to_entry AS sealed, CASE WHEN s.is_called THEN s.last_value ELSE 0 END AS drawn,
           h.sealed_at <= now() - make_interval(secs => $1) AS is_due
      FROM seal_horizon AS h, journal_entry_id_seq AS s
"""
# Who may still commit a row: a writer locks the table before it draws an entry id.
_WRITERS = """
    SELECT virtualtransaction FROM pg_locks
     WHERE locktype = 'relation' AND relation = 'journal'::regclass AND mode = 'RowExclusiveLock'
       AND pid <> pg_backend_pid()
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_LOCK_HORIZON = "SELECT up_to_entry, now() AS sealed_at FROM seal_horizon FOR UPDATE SKIP LOCKED"
_RAISE_HORIZON = "UPDATE seal_horizon SET up_to_entry = $1, sealed_at = now()"
ROWS_TO_SEAL = """
    SELECT program_id, string_agg(int8send(entry_id) || row_hash, ''::bytea ORDER BY entry_id) AS entries
      FROM journal WHERE entry_id > $1 AND entry_id <= $2
     GROUP BY program_id ORDER BY program_id
"""
LAST_BLOCKS = """
    SELECT b.program_id, b.block_no, b.up_to_entry, b.block_hash
      FROM unnest($1::text[]) AS p (program_id),
           LATERAL (SELECT program_id, block_no, up_to_entry, block_hash FROM journal_block
                     WHERE program_id = p.program_id ORDER BY block_no DESC LIMIT 1) AS b
"""
_INSERT = """
    INSERT INTO journal_block (program_id, block_no, after_entry, up_to_entry, rows, sealed_at, root, previous_hash,
                               entries, block_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, block_hash($1, $2, $3, $4, $5, $6, $7, $8))
"""
_SUMMARIZE = "SELECT brin_summarize_new_values('journal_sealing')"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the journal is sealed and how far entry ids are drawn; `is_due` once the last round is old enough."""

    sealed: int
    drawn: int
    is_due: bool


@dataclass(frozen=True, slots=True)
class LastBlock:
    """Where a program's next block begins."""

    block_no: int
    up_to_entry: int
    block_hash: bytes


async def read_progress(connection: Connection, round_seconds: float) -> Progress:
    row = await connection.fetchrow(HORIZON, round_seconds)
    assert row is not None  # noqa: S101 - the migration made the only row
    return Progress(**dict(row))


async def read_writers(connection: Connection) -> set[str]:
    """Transactions that write the journal now. Read after the last drawn id: whoever drew one before is among them,
    or has ended."""
    return {row["virtualtransaction"] for row in await connection.fetch(_WRITERS)}


async def lock_horizon(connection: Connection) -> tuple[int, datetime] | None:
    """The horizon and the transaction's time; None while another process seals."""
    row = await connection.fetchrow(_LOCK_HORIZON)
    return None if row is None else (row["up_to_entry"], row["sealed_at"])


async def raise_horizon(connection: Connection, up_to_entry: int) -> None:
    await connection.execute(_RAISE_HORIZON, up_to_entry)


async def read_rows_to_seal(connection: Connection, after_entry: int, up_to_entry: int) -> list[tuple[str, bytes]]:
    """Each program with rows in the range, and their entries as a block keeps them."""
    rows = await connection.fetch(ROWS_TO_SEAL, after_entry, up_to_entry)
    return [(row["program_id"], row["entries"]) for row in rows]


async def read_last_blocks(connection: Connection, programs: Sequence[str]) -> dict[str, LastBlock]:
    rows = await connection.fetch(LAST_BLOCKS, programs)
    return {row["program_id"]: LastBlock(row["block_no"], row["up_to_entry"], row["block_hash"]) for row in rows}


async def insert_block(connection: Connection, header: Header, entries: bytes) -> None:
    await connection.execute(
        _INSERT, header.program_id, header.block_no, header.after_entry, header.up_to_entry, header.rows,
        header.sealed_at, header.root, header.previous_hash, entries,
    )  # fmt: skip


async def summarize(connection: Connection) -> None:
    """Tell the index of the pages that came: else each round reads them all again."""
    await connection.execute(_SUMMARIZE)
