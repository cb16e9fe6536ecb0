"""Redemption's HTTP routes: what a member has, where it came from, and spending it."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.redemption.access import Access, Caller
from services.redemption.answers.wallets import (
    AllocationAnswer,
    BalanceAnswer,
    HoldAnswer,
    HoldsAnswer,
    JournalAnswer,
    JournalRow,
    LotAnswer,
    LotsAnswer,
    RedemptionAnswer,
)
from services.redemption.desk import SpendingRequest
from services.redemption.domain.balance import balance
from services.redemption.domain.maturity import mature
from services.redemption.outcomes import redemption_id
from services.redemption.refusals import unknown_member
from services.redemption.requests.redeem import redeem
from services.redemption.routes.access_keys import access_key_routes
from services.redemption.routes.advisers import adviser_routes
from services.redemption.routes.benefits import benefit_routes
from services.redemption.routes.catalogue import catalogue_routes
from services.redemption.routes.closing import closing_routes
from services.redemption.routes.debits import debit_routes
from services.redemption.routes.extensions import extension_routes
from services.redemption.routes.orders import order_routes
from services.redemption.routes.proof import proof_routes
from services.redemption.routes.redeemability import redeemability_routes
from services.redemption.routes.statements import statement_routes
from services.redemption.routes.till import till_routes
from services.redemption.routes.vouchers import voucher_routes
from services.redemption.store.extensions import as_active
from services.redemption.store.queries import (
    has_wallet,
    read_balance,
    read_holds,
    read_journal,
    read_lots,
    read_redemption,
)
from services.redemption.store.trace import read_trace
from shared.events.fields import MAX_SAFE_INTEGER, FreeText, Identifier
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Pool
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Member = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=1000)]

# A member id may hold a slash; the last part of the path names what is asked for.
_MEMBER = "/programs/{program}/members/{member:path}"


class Wish(BaseModel):
    """Points a member wants to spend, and what for."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    points: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]
    reason: Annotated[FreeText, Field(min_length=1)]


def routes(running: Running) -> Sequence[APIRouter]:
    """Everything under /v1; `access` says who may call what."""
    access = Access(running)
    return [
        wallet_routes(running, access),
        proof_routes(running, access),
        access_key_routes(running, access),
        statement_routes(running, access),
        redeemability_routes(running, access),
        catalogue_routes(running, access),
        voucher_routes(running, access),
        benefit_routes(running, access),
        adviser_routes(running, access),
        order_routes(running, access),
        closing_routes(running, access),
        extension_routes(running, access),
        debit_routes(running, access),
        till_routes(running, access),
    ]


def wallet_routes(running: Running, access: Access) -> APIRouter:
    """A member's points: by the member's own key, or the operator's token."""
    router = APIRouter(prefix="/v1", tags=["wallets"])
    own = [Depends(access.member)]
    pool = running.pool

    @router.get(_MEMBER + "/balance", dependencies=own)
    async def show_balance(program: Program, member: Member) -> BalanceAnswer:
        facts = await read_balance(pool, (program, member))
        if facts is None:
            raise unknown_member()
        as_it_is = await as_active(pool, facts.wallet, running.programs)
        wallet, _ = mature(as_it_is)  # what spending would see; the journal is posted by whoever writes next
        shown = asdict(balance(wallet, facts.totals))
        return BalanceAnswer(program_id=program, member_id=member, as_of=facts.as_of, **shown)

    @router.get(_MEMBER + "/journal", dependencies=own)
    async def show_journal(
        program: Program, member: Member, before: int | None = None, limit: Limit = 100
    ) -> JournalAnswer:
        rows = await read_journal(pool, (program, member), before, limit)
        await _known(pool, program, member, bool(rows))
        told = [JournalRow.model_validate(dict(row)) for row in rows]
        return JournalAnswer(rows=told, next_before=told[-1].entry_id if len(told) == limit else None)

    @router.get(_MEMBER + "/lots", dependencies=own)
    async def show_lots(program: Program, member: Member, before: UUID | None = None, limit: Limit = 100) -> LotsAnswer:
        rows = await read_lots(pool, (program, member), before, limit)
        await _known(pool, program, member, bool(rows))
        told = [LotAnswer.model_validate(dict(row)) for row in rows]
        return LotsAnswer(lots=told, next_before=told[-1].lot_id if len(told) == limit else None)

    @router.get(_MEMBER + "/holds", dependencies=own)
    async def show_holds(program: Program, member: Member, after: str = "", limit: Limit = 100) -> HoldsAnswer:
        rows = await read_holds(pool, (program, member), after, limit)
        await _known(pool, program, member, bool(rows))
        told = [HoldAnswer.model_validate(row) for row in rows]
        return HoldsAnswer(holds=told, next_after=told[-1].hold_id if len(told) == limit else None)

    @router.post(_MEMBER + "/redemptions", status_code=201, dependencies=own)
    async def spend(
        program: Program,
        member: Member,
        wish: Wish,
        idempotency_key: Annotated[Identifier, Header()],
    ) -> RedemptionAnswer:
        request = SpendingRequest(
            redemption_id=redemption_id((program, member), idempotency_key),
            member=(program, member),
            points=wish.points,
            reason=wish.reason,
            idempotency_key=idempotency_key,
            body_hash=hashlib.sha256(orjson.dumps(wish.model_dump(), option=orjson.OPT_SORT_KEYS)).digest(),
        )
        await redeem(pool, request)
        return await _redemption(pool, request.redemption_id)

    @router.get("/redemptions/{redemption_id}")
    async def show_redemption(
        redemption_id: UUID, caller: Annotated[Caller, Depends(access.holder)]
    ) -> RedemptionAnswer:
        found = await _redemption(pool, redemption_id)
        if not caller.sees(found.program_id, member_id=found.member_id):
            raise _no_redemption(redemption_id)
        return found

    @router.get("/trace/{wanted:path}", dependencies=[Depends(access.operator)])
    async def trace(wanted: str) -> dict[str, list[dict[str, Any]]]:
        return await read_trace(pool, wanted)

    return router


async def _redemption(pool: Pool, wanted: UUID) -> RedemptionAnswer:
    async with pool.acquire() as connection:
        found = await read_redemption(connection, wanted)
    if found is None:
        raise _no_redemption(wanted)
    row, allocations = found
    return RedemptionAnswer(
        **dict(row),
        available_after=row["available_before"] - row["points"],
        allocations=[AllocationAnswer.model_validate(dict(allocation)) for allocation in allocations],
    )


def _no_redemption(wanted: UUID) -> ProblemError:
    return ProblemError(404, "NOT_FOUND", f"There is no redemption {wanted}.")


async def _known(pool: Pool, program: str, member: str, has_rows: bool) -> None:
    """An empty page of a member who has a wallet is an answer; of one who has none it is not."""
    if not has_rows and not await has_wallet(pool, (program, member)):
        raise unknown_member()
