"""Budget lines and their slices: reserved per partition in small transactions, spent inside the save (C04)."""

from services.earning.store.escrow import Escrow
from shared.events.topics import load_topics
from shared.programs.versions import ProgramVersion
from shared.runtime.postgres import Connection

BUDGETS = Escrow(
    lock="SELECT remainder_minor FROM budget WHERE program_id = $1 AND budget_id = $2 FOR UPDATE",
    reserve="""
        UPDATE budget_slice SET reserved_minor = reserved_minor + $4
         WHERE program_id = $1 AND budget_id = $2 AND partition = $3
    """,
    take="UPDATE budget SET remainder_minor = $3 WHERE program_id = $1 AND budget_id = $2",
    # the other partitions' next save notices, and decides again
    call_back="""
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
)


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
