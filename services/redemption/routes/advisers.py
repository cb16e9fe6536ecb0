"""Plans that advisers compose for members of the top tier: composed by an operator, seen by the member (M47, C24)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from services.redemption.access import Access, Caller
from services.redemption.domain.adviser_plan import require_published, require_top_tier
from services.redemption.outcomes import SOURCE
from services.redemption.refusals import Asked, answering, unknown_member
from services.redemption.requests.plan_order import in_force
from services.redemption.routes.bill import RequestBody
from services.redemption.store.adviser_plans import AdviserPlan, insert_plan, latest_plan
from services.redemption.store.members import read_profile
from services.redemption.store.queries import read_clock
from services.redemption.store.vouchers import lock_member
from shared.events.cloudevent import derived_id
from shared.events.fields import FreeText, Identifier
from shared.events.keys import member_key
from shared.programs.expiry import business_day
from shared.runtime.http import ProblemError
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Member = Annotated[Identifier, Path()]
Names = Annotated[tuple[Identifier, ...], Field(max_length=50, strict=False)]
Words = Annotated[FreeText, Field(min_length=1)]

_PLAN = "/programs/{program}/members/{member:path}/plan"


class WordsOfPlan(RequestBody):
    """What the adviser says to the member, in both languages."""

    zh: Words
    en: Words


class PlanWish(RequestBody):
    """Names of published benefits and rewards: at least one."""

    benefits: Names = ()
    rewards: Names = ()
    words: WordsOfPlan


class PlanAnswer(BaseModel):
    """The member's plan. Its parts are named as published in `rule_version`, with the terms of the version in force:

    the same for every member of the tier.
    """

    plan_id: UUID
    number: int
    tier_id: str
    rule_version: int
    benefits: list[str]
    rewards: list[str]
    words: dict[str, str]
    adviser: str
    composed_at: datetime


def adviser_routes(running: Running, access: Access) -> APIRouter:
    """Composed by the operator's token, whose holder names the adviser; read by the member's key."""
    router = APIRouter(prefix="/v1", tags=["advisers"])
    pool = running.pool

    @router.get(_PLAN, dependencies=[Depends(access.member)])
    async def show_plan(program: Program, member: Member) -> PlanAnswer:
        plan = await latest_plan(pool, (program, member))
        if plan is None:
            raise ProblemError(404, "NOT_FOUND", "No adviser has composed a plan for this member.")
        return _answer(plan)

    @router.post(_PLAN, status_code=201)
    async def compose(
        program: Program, member: Member, wish: PlanWish, caller: Annotated[Caller, Depends(access.operator)]
    ) -> PlanAnswer:
        if not wish.benefits and not wish.rewards:
            raise ProblemError(422, "MALFORMED", "A plan names at least one benefit or reward.")
        asked = Asked(program, member, "adviser plan", "")
        async with answering(pool, asked), pool.acquire() as connection, connection.transaction():
            await lock_member(connection, (program, member))
            profile = await read_profile(connection, (program, member))
            if profile is None:
                raise unknown_member()
            now = await read_clock(connection)
            pack = in_force(running.programs, program, now).pack
            tier = require_top_tier(pack, profile.tier_id)
            day = business_day(now, ZoneInfo(pack.time_zone))
            require_published(pack, tier, day, wish.benefits, wish.rewards)
            earlier = await latest_plan(connection, (program, member))
            number = 1 if earlier is None else earlier.number + 1
            plan = AdviserPlan(
                plan_id=derived_id(f"{SOURCE}/{member_key(program, member)}", str(number), "adviser-plan"),
                program_id=program,
                member_id=member,
                number=number,
                tier_id=tier,
                rule_version=pack.version,
                benefits=wish.benefits,
                rewards=wish.rewards,
                words_zh=wish.words.zh,
                words_en=wish.words.en,
                adviser=caller.name,
                composed_at=now,
            )
            if earlier is not None and _same(earlier, plan):
                return _answer(earlier)
            await insert_plan(connection, plan)
        return _answer(plan)

    return router


def _same(one: AdviserPlan, other: AdviserPlan) -> bool:
    """The same plan asked for again is the one that stands."""
    said = [
        (plan.tier_id, plan.rule_version, tuple(plan.benefits), tuple(plan.rewards), plan.words_zh, plan.words_en)
        for plan in (one, other)
    ]
    return said[0] == said[1]


def _answer(plan: AdviserPlan) -> PlanAnswer:
    return PlanAnswer(
        plan_id=plan.plan_id,
        number=plan.number,
        tier_id=plan.tier_id,
        rule_version=plan.rule_version,
        benefits=list(plan.benefits),
        rewards=list(plan.rewards),
        words={"zh-CN": plan.words_zh, "en": plan.words_en},
        adviser=plan.adviser,
        composed_at=plan.composed_at,
    )
