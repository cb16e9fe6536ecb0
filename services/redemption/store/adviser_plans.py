"""Advisers' plans; every one stays, the highest number of a member counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Member
from shared.runtime.postgres import Connection, Pool

_COLUMNS = """
    plan_id, program_id, member_id, number, tier_id, rule_version, benefits, rewards, words_zh, words_en, adviser,
    composed_at"""
LATEST = f"""
    SELECT {_COLUMNS} FROM adviser_plan WHERE program_id = $1 AND member_id = $2 ORDER BY number DESC LIMIT 1
"""  # noqa: S608 - the columns are ours
INSERT = """
    INSERT INTO adviser_plan (plan_id, program_id, member_id, number, tier_id, rule_version, benefits, rewards,
                              words_zh, words_en, adviser, composed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


@dataclass(frozen=True, slots=True)
class AdviserPlan:
    """Names of what was published in `rule_version` for `tier_id`, and the adviser's words; no terms of its own."""

    plan_id: UUID
    program_id: str
    member_id: str
    number: int
    tier_id: str
    rule_version: int
    benefits: Sequence[str]
    rewards: Sequence[str]
    words_zh: str
    words_en: str
    adviser: str
    composed_at: datetime


async def latest_plan(connection: Connection | Pool, member: Member) -> AdviserPlan | None:
    row = await connection.fetchrow(LATEST, *member)
    return None if row is None else AdviserPlan(**dict(row))


async def insert_plan(connection: Connection, plan: AdviserPlan) -> None:
    await connection.execute(
        INSERT,
        plan.plan_id,
        plan.program_id,
        plan.member_id,
        plan.number,
        plan.tier_id,
        plan.rule_version,
        list(plan.benefits),
        list(plan.rewards),
        plan.words_zh,
        plan.words_en,
        plan.adviser,
        plan.composed_at,
    )
