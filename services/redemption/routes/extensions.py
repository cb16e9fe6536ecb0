"""Letting points live longer: for the operator alone, and never shorter (C20)."""

import hashlib
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.redemption.access import Access, Caller
from services.redemption.requests.extend_lots import ExtensionRequest, extend_lots
from services.redemption.store.extensions import Extension
from shared.events.fields import FreeText, Identifier
from shared.runtime.service import Running

_PATH = "/programs/{program}/members/{member:path}/extensions"


class ExtensionBody(BaseModel):
    """The new date, the first instant at which the points are expired, null for never; and why.

    Without `lot_ids` every lot is extended that would expire sooner.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    expires_at: AwareDatetime | None
    lot_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=1000)] | None = None
    reason: Annotated[FreeText, Field(min_length=1)]


class ExtendedLotAnswer(BaseModel):
    """A lot, the points left in it, and its date before."""

    lot_id: UUID
    points: int
    expires_before: datetime


class ExtensionAnswer(BaseModel):
    """The lots that live until `expires_at` now; null = for ever."""

    extension_id: UUID
    program_id: str
    member_id: str
    expires_at: datetime | None
    person: str
    reason: str
    extended_at: datetime
    lots: list[ExtendedLotAnswer]


def extension_routes(running: Running, access: Access) -> APIRouter:
    """One route."""
    router = APIRouter(prefix="/v1", tags=["wallets"])

    @router.post(_PATH, status_code=201)
    async def lengthen(
        program: Annotated[Identifier, Path()],
        member: Annotated[Identifier, Path()],
        body: ExtensionBody,
        idempotency_key: Annotated[Identifier, Header()],
        caller: Annotated[Caller, Depends(access.operator)],
    ) -> ExtensionAnswer:
        request = ExtensionRequest(
            member=(program, member),
            lot_ids=body.lot_ids,
            expires_at=body.expires_at,
            reason=body.reason,
            person=caller.name,
            idempotency_key=idempotency_key,
            body_hash=hashlib.sha256(orjson.dumps(body.model_dump(), option=orjson.OPT_SORT_KEYS)).digest(),
        )
        return _answer(await extend_lots(running.pool, request))

    return router


def _answer(made: Extension) -> ExtensionAnswer:
    return ExtensionAnswer(
        extension_id=made.extension_id,
        program_id=made.program_id,
        member_id=made.member_id,
        expires_at=made.expires_at,
        person=made.person,
        reason=made.reason,
        extended_at=made.extended_at,
        lots=[
            ExtendedLotAnswer(lot_id=lot.lot_id, points=lot.points, expires_before=lot.expires_before)
            for lot in made.lots
        ],
    )
