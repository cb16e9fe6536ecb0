"""Whether redemption's sealed blocks still say what its journal says; where not, which row was touched (C29).

Everything is computed here anew: each row's hash from its content, each block's tree from its entries, each block's
own hash from its fields and the block before.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from services.operator.audit.verdict import Difference
from shared.runtime.postgres import Connection
from shared.runtime.sealed_block import NO_BLOCK, Header, root_of_entries, split_entries

_BLOCKS_AT_ONCE = 100
Heads = Mapping[str, tuple[int, str]]  # program id → number and hash (hexadecimal) of its last block
# Fields as UTF-8 text joined by U+001F, instants as microseconds since 2000-01-01 UTC in hexadecimal.
_RECOMPUTED = """
    sha256(convert_to(
        program_id || E'\\x1f' || member_id || E'\\x1f' || lot_id || E'\\x1f' || grant_id || E'\\x1f'
        || from_account || E'\\x1f' || to_account || E'\\x1f' || points || E'\\x1f'
        || cause_type || E'\\x1f' || cause_key || E'\\x1f' || cause_id || E'\\x1f'
        || encode(timestamptz_send(business_time), 'hex') || E'\\x1f'
        || encode(timestamptz_send(posted_at), 'hex'), 'UTF8'))
"""
_PROGRAMS = """
    SELECT program_id FROM (
        SELECT DISTINCT program_id FROM redemption.audit_journal_block UNION
        SELECT DISTINCT program_id FROM redemption.audit_journal WHERE entry_id <= $1) AS p
     WHERE $2::text[] IS NULL OR program_id = ANY($2)
     ORDER BY program_id
"""
_BLOCKS = """
    SELECT program_id, block_no, after_entry, up_to_entry, rows, sealed_at, root, previous_hash, entries, block_hash
      FROM redemption.audit_journal_block WHERE program_id = $1 AND block_no > $2 ORDER BY block_no LIMIT $3
"""
_ROWS = f"""
    SELECT string_agg(int8send(entry_id) || {_RECOMPUTED}, ''::bytea ORDER BY entry_id)
      FROM redemption.audit_journal WHERE program_id = $1 AND entry_id > $2 AND entry_id <= $3
"""  # noqa: S608 - an expression of our own
_NAMED = f"""
    SELECT {_RECOMPUTED} AS recomputed, entry_id, member_id, lot_id, points, from_account, to_account, cause_type,
           posted_at
      FROM redemption.audit_journal WHERE program_id = $1 AND entry_id = ANY($2::bigint[])
"""  # noqa: S608 - an expression of our own


@dataclass(slots=True)
class SealedBooks:
    """What the look found: sealed rows, what is wrong, and each program's last block as it is now."""

    rows: int
    blocks: int
    wrong: list[Difference]
    heads: dict[str, tuple[int, str]]


async def read_seals(
    connection: Connection, programs: Sequence[str] | None = None, expected: Heads | None = None
) -> SealedBooks:
    """Verify every sealed block of all or some programs, within the caller's snapshot.

    `expected` are heads that somebody wrote down earlier: with them a chain that was forged as a whole is found too.
    """
    books = SealedBooks(0, 0, [], {})
    horizon = await connection.fetchval("SELECT up_to_entry FROM redemption.audit_seal_horizon")
    if horizon is None:
        books.wrong.append(Difference("the horizon of sealing is gone", None, None, "seal_horizon", "one row", None))
        return books
    for row in await connection.fetch(_PROGRAMS, horizon, None if programs is None else list(programs)):
        await _read_program(connection, row["program_id"], horizon, books, dict(expected or {}))
    for program, (number, _) in (expected or {}).items():
        if (programs is None or program in programs) and books.heads.get(program, (0, ""))[0] < number:
            books.wrong.append(_of_block("a block is gone", program, number, "written down before", None))
    return books


async def _read_program(
    connection: Connection, program: str, horizon: int, books: SealedBooks, expected: dict[str, tuple[int, str]]
) -> None:
    number, after, previous = 0, 0, NO_BLOCK
    async for blocks in _pages(connection, program):
        first_after = after
        for block in blocks:
            header = _header(block)
            books.wrong += _breaks(header, block, number + 1, after, previous)
            noted = expected.get(program)
            if noted is not None and noted[0] == header.block_no and noted[1] != header.hash.hex():
                books.wrong.append(
                    _of_block("a block is not the one written down", program, noted[0], noted[1], header.hash.hex())
                )
            number, after, previous = header.block_no, header.up_to_entry, header.hash
            books.rows += header.rows
            books.blocks += 1
        sealed = b"".join(block["entries"] for block in blocks)
        await _compare(connection, program, (first_after, after), sealed, books)
        books.heads[program] = (number, previous.hex())
    await _compare(connection, program, (after, horizon), b"", books)


async def _pages(connection: Connection, program: str) -> AsyncIterator[list[asyncpg.Record]]:
    number = 0
    while blocks := await connection.fetch(_BLOCKS, program, number, _BLOCKS_AT_ONCE):
        yield blocks
        number = blocks[-1]["block_no"]


def _header(block: asyncpg.Record) -> Header:
    return Header(
        block["program_id"], block["block_no"], block["after_entry"], block["up_to_entry"], block["rows"],
        block["sealed_at"], block["root"], block["previous_hash"],
    )  # fmt: skip


def _breaks(header: Header, block: asyncpg.Record, number: int, after: int, previous: bytes) -> list[Difference]:
    """What of a block does not fit itself or the block before."""
    program, no = header.program_id, header.block_no
    checks = (
        ("a block is missing", str(number), str(no)),
        ("a block does not begin where the one before ends", str(after), str(header.after_entry)),
        ("a block does not name the one before", previous.hex(), header.previous_hash.hex()),
        ("a block's entries are not its tree's", header.root.hex(), root_of_entries(block["entries"]).hex()),
        ("a block's hash is not its own", header.hash.hex(), block["block_hash"].hex()),
    )
    return [_of_block(wrong, program, no, expected, found) for wrong, expected, found in checks if expected != found]


async def _compare(
    connection: Connection, program: str, between: tuple[int, int], sealed: bytes, books: SealedBooks
) -> None:
    """The rows of a range against what was sealed of it; the common case is one comparison of bytes."""
    if between[0] >= between[1]:
        return
    found = await connection.fetchval(_ROWS, program, *between) or b""
    if found == sealed:
        return
    then, now = list(split_entries(sealed)), list(split_entries(found))
    was, new = dict((Counter(then) - Counter(now)).keys()), list((Counter(now) - Counter(then)).elements())
    named = await connection.fetch(_NAMED, program, [entry for entry, _ in new])
    rows = {(row["entry_id"], row["recomputed"]): row for row in named}
    for entry, digest in sorted(new):
        books.wrong.append(_of_row(program, entry, rows.get((entry, digest)), was.pop(entry, None), digest))
    for entry, digest in sorted(was.items()):
        books.wrong.append(_of_row(program, entry, None, digest, None))


def _of_row(
    program: str, entry: int, row: asyncpg.Record | None, sealed: bytes | None, found: bytes | None
) -> Difference:
    expected, now = sealed.hex() if sealed else None, found.hex() if found else None
    if row is None:
        return Difference("a sealed row was removed", program, None, f"entry {entry}", expected, now)
    wrong = "a row was inserted where all was sealed" if sealed is None else "a sealed row was changed"
    subject = (
        f"entry {entry}, lot {row['lot_id']}: {row['points']} points {row['from_account']} → {row['to_account']} "
        f"by {row['cause_type']}, posted {row['posted_at']:%F %T} UTC"
    )
    return Difference(wrong, program, row["member_id"], subject, expected, now)


def _of_block(wrong: str, program: str, number: int, expected: str, found: str | None) -> Difference:
    return Difference(wrong, program, None, f"block {number}", expected, found)
