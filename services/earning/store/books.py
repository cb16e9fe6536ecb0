"""Earning's books as the worker uses them: load, settle the budget, save."""

from collections.abc import Mapping, Sequence
from functools import partial

from services.earning.desk import EarningDesk
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.store.budget import BUDGETS
from services.earning.store.campaign import CAMPAIGNS
from services.earning.store.escrow import Escrow, Key, call_back_slices, fetch_slice
from services.earning.store.load import LOAD, fill_desk
from services.earning.store.load_counted import counted_arguments, fill_counted, periods_of
from services.earning.store.load_tiers import fill_tiers, tier_arguments, tiers_asked
from services.earning.store.save import save_arguments
from services.earning.store.save_statement import SAVE
from services.earning.store.touched import load_arguments
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered
from shared.runtime.ledger import Postings, read_inbox
from shared.runtime.postgres import Connection
from shared.runtime.service import DecideAgainError

Short = Mapping[Escrow, Mapping[Key, int]]


class EarningBooks:
    """Earning alone writes its rows, so nothing is locked between load and save; claims are tested in the save."""

    transactional = False

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, int], CompiledProgram] = {}
        self._compiled_from: ProgramBook | None = None
        self._called_back: dict[int, Short] = {}  # by partition: what its present try called slices back for

    async def load(
        self, connection: Connection, partition: int, events: Sequence[Delivered], programs: ProgramBook
    ) -> tuple[EarningDesk, dict[object, bytes]]:
        desk = EarningDesk(partition=partition, programs=programs, compiled=self._compile(programs))
        if not events:
            return desk, {}
        periods = periods_of(events, programs, desk.compiled)
        arguments = {
            **load_arguments(partition, events, programs),
            **counted_arguments(events, periods, desk.compiled),
        }
        tiers = tiers_asked(events, desk.compiled)
        row = await connection.fetchrow(LOAD.sql, *LOAD.arguments({**arguments, **tier_arguments(tiers)}))
        if row is None:
            raise RuntimeError("The load answered no row; its statement always yields one.")
        fill_desk(desk, dict(row))
        fill_counted(desk.counted, dict(row), periods)
        fill_tiers(desk.tiers, dict(row), tiers)
        return desk, read_inbox(row["inbox"])

    async def settle(self, connection: Connection, desk: EarningDesk) -> None:
        """Fetch what the slices lack. What was decided stands: it was held against the whole total, wherever it lies.

        Where others have reserved what is left, it is called back in the transaction that decides again and saves:
        else partitions would take the last of a total from each other for ever.
        """
        short = _short(desk)
        if not any(short.values()):
            return
        if connection.is_in_transaction():  # what this try called back is undone with it
            short = _together(self._called_back[desk.partition], short)
        elif await _fetched(connection, desk.partition, short):
            return
        self._called_back[desk.partition] = short
        raise DecideAgainError(
            f"others hold what is left of {[sorted(keys) for keys in short.values()]}",
            partial(_call_back, partition=desk.partition, short=short),
        )

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


def _short(desk: EarningDesk) -> Short:
    """By how much the batch uses more than this partition's slices hold."""
    return {
        BUDGETS: {
            key: entry.spent_minor - entry.left_minor
            for key, entry in desk.slices.items()
            if entry.spent_minor > entry.left_minor
        },
        CAMPAIGNS: {
            key: entry.used - entry.left_here
            for key, entry in desk.counted.campaigns.items()
            if entry.used > entry.left_here
        },
    }


def _together(one: Short, other: Short) -> Short:
    return {
        escrow: {key: keys.get(key, 0) + other[escrow].get(key, 0) for key in keys.keys() | other[escrow].keys()}
        for escrow, keys in one.items()
    }


async def _fetched(connection: Connection, partition: int, short: Short) -> bool:
    """Budgets before campaigns; False where a total has not that much unreserved, and then the others were fetched."""
    enough = True
    for escrow, keys in short.items():
        for key in sorted(keys):
            enough &= await fetch_slice(connection, escrow, partition, key, keys[key])
    return enough


async def _call_back(connection: Connection, partition: int, short: Short) -> None:
    """Budgets before campaigns, whoever asks: so two partitions lock them in one order."""
    for escrow, keys in short.items():
        await call_back_slices(connection, escrow, partition, keys)
