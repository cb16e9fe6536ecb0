"""Budget lines and their slices: reserved per partition in small transactions, spent inside the save (C04)."""

from collections.abc import Mapping

from services.earning.desk import BudgetKey
from shared.events.topics import load_topics
from shared.programs.versions import ProgramVersion
from shared.runtime.postgres import Connection

# A fetch takes at least this share of what is left, so that fetching stays rare and the last slices small.
SHARE_OF_REMAINDER = 64


async def adopt_budgets(connection: Connection, version: ProgramVersion) -> None:
    """Enter the budget lines a version names first; an amount once approved is never changed by a later version."""
    budgets = version.pack.budgets
    await connection.execute(
        """
        INSERT INTO budget (program_id, budget_id, approved_minor, remainder_minor, approver, document)
        SELECT $1, budget_id, approved, approved, approver, document
          FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) AS b (budget_id, approved, approver, document)
        ON CONFLICT DO NOTHING
        """,
        version.program_id,
        [budget.budget_id for budget in budgets],
        [budget.approved_minor for budget in budgets],
        [budget.approver for budget in budgets],
        [budget.document for budget in budgets],
    )
    await connection.execute(
        """
        INSERT INTO budget_slice (program_id, budget_id, partition)
        SELECT $1, budget_id, partition
          FROM unnest($2::text[]) AS b (budget_id), generate_series(0, $3 - 1) AS partition
        ON CONFLICT DO NOTHING
        """,
        version.program_id,
        [budget.budget_id for budget in budgets],
        load_topics()["pos.purchases.v1"].partitions,
    )


async def fetch_slice(connection: Connection, partition: int, key: BudgetKey, short_minor: int) -> bool:
    """Move `short_minor` or more of what is not reserved into this partition's slice; False when that falls short."""
    async with connection.transaction():
        remainder = await _lock_budget(connection, key)
        if remainder < short_minor:
            return False
        await _move(connection, partition, key, remainder, short_minor)
    return True


async def call_back_slices(connection: Connection, partition: int, short: Mapping[BudgetKey, int]) -> None:
    """Within a transaction: as `fetch_slice`, from what the other partitions have reserved and not spent as well.

    The budgets stay locked until the transaction ends, so what is fetched here can be spent in it. Where a budget
    has less than what is short, all of it is fetched: an award of exactly what is left passes.
    """
    for key in sorted(short):
        remainder = await _lock_budget(connection, key) + await _call_back(connection, partition, key)
        await _move(connection, partition, key, remainder, min(remainder, short[key]))


async def _lock_budget(connection: Connection, key: BudgetKey) -> int:
    """The remainder, in minor units."""
    remainder: int = await connection.fetchval(
        "SELECT remainder_minor FROM budget WHERE program_id = $1 AND budget_id = $2 FOR UPDATE", *key
    )
    return remainder


async def _move(connection: Connection, partition: int, key: BudgetKey, remainder: int, at_least: int) -> None:
    taken = max(at_least, remainder // SHARE_OF_REMAINDER)
    await connection.execute(
        """
        UPDATE budget_slice SET reserved_minor = reserved_minor + $4
         WHERE program_id = $1 AND budget_id = $2 AND partition = $3
        """,
        *key,
        partition,
        taken,
    )
    await connection.execute(
        "UPDATE budget SET remainder_minor = $3 WHERE program_id = $1 AND budget_id = $2", *key, remainder - taken
    )


async def _call_back(connection: Connection, partition: int, key: BudgetKey) -> int:
    """Take what the other partitions have reserved and not spent; their next save notices and decides again."""
    freed: int = await connection.fetchval(
        """
        WITH unspent AS (
            SELECT partition, reserved_minor - spent_minor AS minor FROM budget_slice
             WHERE program_id = $1 AND budget_id = $2 AND partition <> $3 AND reserved_minor > spent_minor
             ORDER BY partition FOR UPDATE
        ), called_back AS (
            UPDATE budget_slice AS s SET reserved_minor = s.spent_minor
              FROM unspent AS u
             WHERE s.program_id = $1 AND s.budget_id = $2 AND s.partition = u.partition
        )
        SELECT coalesce(sum(minor), 0)::bigint FROM unspent
        """,
        *key,
        partition,
    )
    return freed
