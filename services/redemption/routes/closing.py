"""Closing an account: by the member, or by the operator on the member's word (C22)."""

import hashlib
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Path
from pydantic import BaseModel, ConfigDict, Field

from services.redemption.access import Access
from services.redemption.requests.close_account import ClosingRequest, close_account
from services.redemption.store.closing import Closure
from shared.events.fields import MAX_SAFE_INTEGER, Identifier
from shared.runtime.service import Running

_PATH = "/programs/{program}/members/{member:path}/closure"


class ClosingBody(BaseModel):
    """The points that the member gives up knowingly; 0 where there are none."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    acknowledged_points: Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)] = 0


class ClosureAnswer(BaseModel):
    """`unspent` points there were; the free ones were forfeited at once, held and reserved ones are when they end."""

    closure_id: UUID
    program_id: str
    member_id: str
    acknowledged_points: int
    unspent: int
    forfeited: int
    closed_at: datetime


def closing_routes(running: Running, access: Access) -> APIRouter:
    """Ends an account for good; who comes back registers under a new member id."""
    router = APIRouter(prefix="/v1", tags=["members"])

    @router.post(_PATH, status_code=201, dependencies=[Depends(access.member)])
    async def close(
        program: Annotated[Identifier, Path()],
        member: Annotated[Identifier, Path()],
        body: ClosingBody,
        idempotency_key: Annotated[Identifier, Header()],
    ) -> ClosureAnswer:
        request = ClosingRequest(
            member=(program, member),
            acknowledged=body.acknowledged_points,
            idempotency_key=idempotency_key,
            body_hash=hashlib.sha256(orjson.dumps(body.model_dump(), option=orjson.OPT_SORT_KEYS)).digest(),
        )
        return _answer(await close_account(running.pool, request))

    return router


def _answer(closure: Closure) -> ClosureAnswer:
    return ClosureAnswer(
        closure_id=closure.closure_id,
        program_id=closure.program_id,
        member_id=closure.member_id,
        acknowledged_points=closure.acknowledged,
        unspent=closure.unspent,
        forfeited=closure.forfeited,
        closed_at=closure.closed_at,
    )
