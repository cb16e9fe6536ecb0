"""Budget lines and their slices: reserved per partition in small transactions, spent inside the save (C04)."""

import structlog

from services.earning.store.escrow import Escrow
from shared.events.topics import load_topics
from shared.programs.versions import ProgramVersion
from shared.runtime.postgres import Connection

log = structlog.get_logger()
_KNOWN = "SELECT budget_id, approved_minor FROM budget WHERE program_id = $1 AND budget_id = ANY($2::text[])"
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
    """Enter the budget lines a version names first; an amount once approved is never changed by a later version.

    `program apply` refuses such a version where the line is in those it replaces; one that came another way is loud.
    """
    budgets = version.pack.budgets
    approved = {budget.budget_id: budget.approved_minor for budget in budgets}
    for known in await connection.fetch(_KNOWN, version.program_id, list(approved)):
        if known["approved_minor"] != approved[known["budget_id"]]:
            log.warning(
                "a version changes what was approved for a budget; the first amount stands: give more money a line of "
                "its own",
                program=version.program_id,
                version=version.version,
                budget=known["budget_id"],
                stands=known["approved_minor"],
                written=approved[known["budget_id"]],
            )
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
