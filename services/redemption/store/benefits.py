"""Uses of benefits and the budgets that pay them. Uses are counted under the lock of the member's wallet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Member
from shared.runtime.postgres import Connection, Pool

_COLUMNS = """
    use_id, program_id, member_id, benefit_id, kind, rule_version, period, times, times_allowed, merchant_id,
    receipt_id, amount_minor, currency, budget_id, body_hash, used_at, undone_at, undo_reason"""
USE = f"SELECT {_COLUMNS} FROM benefit_use WHERE use_id = $1"  # noqa: S608 - the columns are ours
USE_BY_KEY = f"""
    SELECT {_COLUMNS} FROM benefit_use WHERE program_id = $1 AND merchant_id = $2 AND idempotency_key = $3
"""  # noqa: S608 - the columns are ours
INSERT_USE = """
    INSERT INTO benefit_use (use_id, program_id, member_id, benefit_id, kind, rule_version, period, times,
                             times_allowed, merchant_id, receipt_id, amount_minor, currency, budget_id, body_hash,
                             used_at, idempotency_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
"""
UNDO_USE = "UPDATE benefit_use SET undone_at = $2, undo_reason = $3 WHERE use_id = $1"
PLACES_TAKEN = """
    SELECT times FROM benefit_use
     WHERE program_id = $1 AND member_id = $2 AND benefit_id = $3 AND period = $4 AND undone_at IS NULL
"""
USED_IN_PERIODS = """
    SELECT k.benefit_id, (SELECT count(*) FROM benefit_use AS u
                           WHERE u.program_id = $1 AND u.member_id = $2 AND u.benefit_id = k.benefit_id
                             AND u.period = k.period AND u.undone_at IS NULL) AS times
      FROM unnest($3::text[], $4::text[]) AS k (benefit_id, period)
"""
# The first version that names a line says what was approved.
ENTER_BUDGET = """
    INSERT INTO benefit_budget (program_id, budget_id, approved_minor) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
DRAW = """
    UPDATE benefit_budget SET used_minor = used_minor + $3
     WHERE program_id = $1 AND budget_id = $2 AND used_minor + $3 <= approved_minor
    RETURNING used_minor
"""
GIVE_BACK = """
    UPDATE benefit_budget SET used_minor = used_minor - $3 WHERE program_id = $1 AND budget_id = $2 RETURNING used_minor
"""


@dataclass(frozen=True, slots=True)
class BenefitUse:
    """A stored use; `times` is its place in the period, from 1."""

    use_id: UUID
    program_id: str
    member_id: str
    benefit_id: str
    kind: str
    rule_version: int
    period: str
    times: int
    times_allowed: int
    merchant_id: str
    receipt_id: str | None
    amount_minor: int
    currency: str
    budget_id: str
    body_hash: bytes
    used_at: datetime
    undone_at: datetime | None = None
    undo_reason: str | None = None


async def read_use(connection: Connection | Pool, use_id: UUID) -> BenefitUse | None:
    row = await connection.fetchrow(USE, use_id)
    return None if row is None else BenefitUse(**dict(row))


async def use_by_key(
    connection: Connection, program_id: str, merchant_id: str, idempotency_key: str
) -> BenefitUse | None:
    row = await connection.fetchrow(USE_BY_KEY, program_id, merchant_id, idempotency_key)
    return None if row is None else BenefitUse(**dict(row))


async def places_taken(connection: Connection, member: Member, benefit_id: str, period: str) -> list[int]:
    """The places of the period whose uses stand."""
    return [row["times"] for row in await connection.fetch(PLACES_TAKEN, *member, benefit_id, period)]


async def used_in_periods(pool: Pool, member: Member, benefits: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How often each (benefit, period) was used."""
    names = [benefit for benefit, _ in benefits]
    rows = await pool.fetch(USED_IN_PERIODS, *member, names, [period for _, period in benefits])
    return {row["benefit_id"]: row["times"] for row in rows}


async def draw(
    connection: Connection, program_id: str, budget_id: str, approved_minor: int, cost_minor: int
) -> int | None:
    """Take the cost from the budget; what is used of it then, None where it cannot pay it whole (C04)."""
    await connection.execute(ENTER_BUDGET, program_id, budget_id, approved_minor)
    used: int | None = await connection.fetchval(DRAW, program_id, budget_id, cost_minor)
    return used


async def insert_use(connection: Connection, use: BenefitUse, idempotency_key: str) -> None:
    await connection.execute(
        INSERT_USE,
        use.use_id,
        use.program_id,
        use.member_id,
        use.benefit_id,
        use.kind,
        use.rule_version,
        use.period,
        use.times,
        use.times_allowed,
        use.merchant_id,
        use.receipt_id,
        use.amount_minor,
        use.currency,
        use.budget_id,
        use.body_hash,
        use.used_at,
        idempotency_key,
    )


async def undo_use(connection: Connection, use: BenefitUse, at: datetime, reason: str) -> int:
    """The use counts no longer; what is used of its budget then."""
    await connection.execute(UNDO_USE, use.use_id, at, reason)
    used: int = await connection.fetchval(GIVE_BACK, use.program_id, use.budget_id, use.amount_minor)
    return used
