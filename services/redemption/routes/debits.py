"""Redemption's route for debits by correction: what became of each, whole or refused."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel

from services.redemption.access import Access
from services.redemption.store.debits import read_debits
from shared.events.fields import Identifier
from shared.runtime.service import Running


class DebitAnswer(BaseModel):
    """`taken` points were forfeited out of lots, `short` is owed; where `code` says why not, both are 0."""

    debit_id: UUID
    correction_id: str
    asked: int
    taken: int
    short: int
    code: str | None
    debited_at: datetime


class DebitsAnswer(BaseModel):
    """A page, newest first; ask again with `before` = `next_before`, until that is null."""

    debits: list[DebitAnswer]
    next_before: UUID | None


def debit_routes(running: Running, access: Access) -> APIRouter:
    """By the member's own key, or the operator's token."""
    router = APIRouter(prefix="/v1", tags=["wallets"])

    @router.get("/programs/{program}/members/{member:path}/debits", dependencies=[Depends(access.member)])
    async def show_debits(
        program: Annotated[Identifier, Path()],
        member: Annotated[Identifier, Path()],
        before: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> DebitsAnswer:
        rows = await read_debits(running.pool, (program, member), before, limit)
        told = [DebitAnswer.model_validate(dict(row)) for row in rows]
        return DebitsAnswer(debits=told, next_before=told[-1].debit_id if len(told) == limit else None)

    return router
