"""The redeemability index of a program (M45): can members spend what they earned, today, on something that is there?"""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict

from services.redemption.access import Access
from services.redemption.domain.catalogue import Catalogue, catalogue_at
from services.redemption.domain.redeemability import Shelf, counted, offered_today, shelf
from services.redemption.payees import PackNames
from services.redemption.requests.plan_order import in_force
from services.redemption.store.queries import read_clock
from services.redemption.store.redeemability import (
    read_fulfilment,
    read_refusals,
    read_spendable,
    read_stock_refusals,
    read_tiers,
)
from services.redemption.store.stock import read_taken
from shared.events.fields import Identifier
from shared.programs.texts import Name
from shared.runtime.postgres import Connection
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Days = Annotated[int, Query(ge=1, le=366)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TierReach(_Answer):
    """With how many points a member of the tier can have something today; null: with none. No tier is null."""

    tier: str | None
    least_points: int | None


class StockOut(_Answer):
    """A reward that is offered and has run out, or was asked for when it had."""

    reward_id: str
    name: Name | None
    out_now: bool
    refusals: int


class RefusalCount(_Answer):
    """How often requests of one sort were refused for one reason; `members`: how many members."""

    code: str
    subject: str
    refusals: int
    members: int


class Fulfilment(_Answer):
    """Rewards of one kind: seconds from the order to handing over, for half of them and for 95 of 100."""

    kind: str
    fulfilled: int
    waiting: int
    half_within: int | None
    most_within: int | None
    oldest_waits: int | None


class RedeemabilityAnswer(_Answer):
    """`share_permille`: of 1,000 outstanding points, those of members who can have something in stock today.

    Null while no points are outstanding. Refusals and times are those since `since`.
    """

    program_id: str
    version: int
    as_of: datetime
    since: datetime
    outstanding: int
    spendable: int
    share_permille: int | None
    members: int
    members_that_reach: int
    tiers: list[TierReach]
    rewards_offered: int
    rewards_in_stock: int
    stock_outs: list[StockOut]
    refusals: list[RefusalCount]
    fulfilment: list[Fulfilment]


def redeemability_routes(running: Running, access: Access) -> APIRouter:
    """For the operator: it counts over all members."""
    router = APIRouter(prefix="/v1", tags=["redeemability"])

    @router.get("/programs/{program}/redeemability", dependencies=[Depends(access.operator)])
    async def show_index(program: Program, days: Days = 30) -> RedeemabilityAnswer:
        pool = running.pool
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            now = await read_clock(connection)
            catalogue = catalogue_at(in_force(running.programs, program, now).pack, now)
            return await _index(connection, catalogue, PackNames(running, program), now - timedelta(days=days))

    return router


async def _index(
    connection: Connection, catalogue: Catalogue, names: PackNames, since: datetime
) -> RedeemabilityAnswer:
    program = catalogue.pack.program_id
    found = await _shelf(connection, catalogue)
    tiers = [None, *sorted({*await read_tiers(connection, program), *_levels(catalogue)})]
    least = {tier: points for tier in tiers if (points := found.least_points(tier)) is not None}
    sums = await read_spendable(connection, program, least)
    outstanding = sums["outstanding"]
    return RedeemabilityAnswer.model_validate({
        **sums,
        "program_id": program,
        "version": catalogue.version,
        "as_of": catalogue.at,
        "since": since,
        "share_permille": 1000 * sums["spendable"] // outstanding if outstanding else None,
        "tiers": [TierReach(tier=tier, least_points=least.get(tier)) for tier in tiers],
        "rewards_offered": len(found.offered),
        "rewards_in_stock": len(found.offered) - len(found.out_of_stock),
        "stock_outs": await _stock_outs(connection, found, names, since),
        "refusals": [dict(row) for row in await read_refusals(connection, program, since)],
        "fulfilment": [dict(row) for row in await read_fulfilment(connection, program, since)],
    })  # fmt: skip


async def _shelf(connection: Connection, catalogue: Catalogue) -> Shelf:
    rewards = offered_today(catalogue)
    taken = await read_taken(connection, catalogue.pack.program_id, counted(catalogue, rewards))
    return shelf(catalogue, rewards, taken)


async def _stock_outs(connection: Connection, found: Shelf, names: PackNames, since: datetime) -> list[StockOut]:
    rows = await read_stock_refusals(connection, found.catalogue.pack.program_id, since)
    refused = {row["reward_id"]: row["refusals"] for row in rows}
    return [
        StockOut(
            reward_id=reward_id,
            name=names.reward(reward_id),
            out_now=reward_id in found.out_of_stock,
            refusals=refused.get(reward_id, 0),
        )
        for reward_id in sorted(found.out_of_stock | refused.keys())
    ]


def _levels(catalogue: Catalogue) -> list[str]:
    return [level.tier_id for level in catalogue.pack.tiers.levels] if catalogue.pack.tiers is not None else []
