"""Journal rows with proof that each lies in its sealed block: anybody can verify them without our code (C29)."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from services.redemption.answers.proof import BlockAnswer, ExportAnswer, ProvedRow
from services.redemption.store.proofs import read_block, read_block_numbers, read_rows
from shared.events.reason_codes import ReasonCode, describe
from shared.runtime.http import ProblemError
from shared.runtime.merkle import leaf_hashes, path_of
from shared.runtime.postgres import Pool
from shared.runtime.sealed_block import ENTRY_BYTES, split_entries


async def export(
    pool: Pool, member: tuple[str, str], after: int, limit: int, redemption_id: UUID | None = None
) -> ExportAnswer:
    """A page of a member's rows, or of those behind one redemption. A row too young to be sealed has no block yet.

    Raises ProblemError: 409 LEDGER_TAMPERED for a row that its closed block does not know.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await read_rows(connection, member, after, limit, redemption_id)
        blocks: list[BlockAnswer] = []
        places: dict[int, tuple[int, int, list[str]]] = {}
        wanted = {row["entry_id"] for row in rows}
        for number in await read_block_numbers(connection, member[0], sorted(wanted)):
            block = await read_block(connection, member[0], number)
            blocks.append(block_answer(block))
            places |= _places(block, wanted)
    reached = blocks[-1].up_to_entry if blocks else 0
    proved = [_proved(row, places.get(row["entry_id"]), reached) for row in rows]
    return ExportAnswer(
        program_id=member[0],
        rows=proved,
        blocks=blocks,
        next_after=proved[-1].entry_id if len(proved) == limit else None,
    )


def block_answer(block: asyncpg.Record) -> BlockAnswer:
    return BlockAnswer(
        block_no=block["block_no"],
        after_entry=block["after_entry"],
        up_to_entry=block["up_to_entry"],
        rows=block["rows"],
        sealed_at=block["sealed_at"],
        root=block["root"].hex(),
        previous_hash=block["previous_hash"].hex(),
        block_hash=block["block_hash"].hex(),
    )


def _places(block: asyncpg.Record, wanted: set[int]) -> dict[int, tuple[int, int, list[str]]]:
    """Block number, place in it and path to its root of each wanted entry."""
    leaves = leaf_hashes(block["entries"], ENTRY_BYTES)
    return {
        entry: (block["block_no"], index, [beside.hex() for beside in path_of(leaves, index)])
        for index, (entry, _) in enumerate(split_entries(block["entries"]))
        if entry in wanted
    }


def _proved(row: asyncpg.Record, place: tuple[int, int, list[str]] | None, reached: int) -> ProvedRow:
    if place is None and row["entry_id"] <= reached:
        raise _tampered(row["entry_id"])
    number, index, path = place or (None, None, [])
    fields = {**dict(row), "row_hash": row["row_hash"].hex()}
    return ProvedRow(**fields, block_no=number, index=index, path=path)


def _tampered(entry_id: int) -> ProblemError:
    reason = describe(ReasonCode.LEDGER_TAMPERED)
    return ProblemError(
        409, reason.code.value, f"Row {entry_id} is in no block, though all was sealed there; audit the seals.",
        reason={"zh-CN": reason.zh, "en": reason.en}, control=reason.control, request_id=str(entry_id),
        appeal={"zh-CN": reason.appeal_zh, "en": reason.appeal},
    )  # fmt: skip


def blocks_shown(blocks: Sequence[asyncpg.Record]) -> list[BlockAnswer]:
    return [block_answer(block) for block in blocks]
