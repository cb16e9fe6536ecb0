"""Earning's books as the worker uses them: load, settle the budget, save."""

from collections.abc import Mapping, Sequence
from functools import partial

from services.earning.desk import EarningDesk
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.store.budget import call_back_slices, fetch_slice
from services.earning.store.load import LOAD, fill_desk
from services.earning.store.save import save_arguments
from services.earning.store.save_statement import SAVE
from services.earning.store.touched import load_arguments
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered
from shared.runtime.ledger import Postings, read_inbox
from shared.runtime.postgres import Connection
from shared.runtime.service import DecideAgainError


class EarningBooks:
    """Earning alone writes its rows, so nothing is locked between load and save; claims are tested in the save."""

    transactional = False

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, int], CompiledProgram] = {}
        self._compiled_from: ProgramBook | None = None

    async def load(
        self, connection: Connection, partition: int, events: Sequence[Delivered], programs: ProgramBook
    ) -> tuple[EarningDesk, dict[object, bytes]]:
        desk = EarningDesk(partition=partition, programs=programs, compiled=self._compile(programs))
        if not events:
            return desk, {}
        row = await connection.fetchrow(LOAD.sql, *LOAD.arguments(load_arguments(partition, events)))
        if row is None:
            raise RuntimeError("The load answered no row; its statement always yields one.")
        fill_desk(desk, dict(row))
        return desk, read_inbox(row["inbox"])

    async def settle(self, connection: Connection, desk: EarningDesk) -> None:
        """Fetch what the slices lack, then decide again.

        Where that means calling back what others have reserved, it is done in the transaction that decides and
        saves: else partitions would take the last of a budget from each other for ever.
        """
        short = {
            key: entry.spent_minor - entry.left_minor
            for key, entry in desk.slices.items()
            if entry.spent_minor > entry.left_minor
        }
        if not short:
            return
        scarce = connection.is_in_transaction()
        for key in () if scarce else sorted(short):
            scarce |= not await fetch_slice(connection, desk.partition, key, short[key])
        prepare = partial(call_back_slices, partition=desk.partition, short=short) if scarce else None
        raise DecideAgainError(f"slices fetched for {sorted(short)}", prepare)

    async def save(self, connection: Connection, postings: Postings, epoch: int, desk: EarningDesk) -> bool:
        arguments = {**postings.arguments(epoch, desk.outbox), **save_arguments(desk)}
        row = await connection.fetchrow(SAVE.sql, *SAVE.arguments(arguments))
        return row is not None and row["open"] == 1

    def _compile(self, programs: ProgramBook) -> Mapping[tuple[str, int], CompiledProgram]:
        """Each standing version once: the first record of a version counts, so it never changes."""
        if programs is not self._compiled_from:
            for program_id in programs.programs():
                for version in programs.versions(program_id):
                    key = (program_id, version.version)
                    if key not in self._compiled:
                        self._compiled[key] = compile_program(version.pack)
            self._compiled_from = programs
        return self._compiled
