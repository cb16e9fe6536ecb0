"""Earning's HTTP routes for tier floors: asking, listing, deciding."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.earning.correction_api import DecisionBody, person_of
from services.earning.set_tier_floor import FloorRequest, ask, decide, unknown
from services.earning.store import tier_floors
from shared.events.fields import FreeText, Identifier
from shared.runtime.http import ProblemError, operator_guard
from shared.runtime.service import Running

_PATH = "/programs/{program_id}/tier-floors"


class FloorBody(BaseModel):
    """The lowest tier a member is to have; `tier_id` null lifts it. `person` absent means Greenpoints-Actor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor_id: Identifier
    member_id: Identifier
    tier_id: Identifier | None
    reason: Annotated[FreeText, Field(min_length=3)]
    evidence: Identifier
    person: Identifier | None = None


def tier_floor_routes(running: Running) -> APIRouter:
    """Under /v1, for callers with the operator's token."""
    guard = operator_guard(running.settings.operator_token.get_secret_value())
    router = APIRouter(prefix="/v1", tags=["tier floors"], dependencies=[Depends(guard)])
    Caller = Annotated[str, Depends(guard)]  # noqa: N806 - an annotation's alias

    @router.post(_PATH, status_code=201)
    async def request(program_id: str, body: FloorBody, caller: Caller) -> dict[str, Any]:
        _require_tier(running, program_id, body.tier_id)
        person = person_of(body.person, caller)
        wanted = (program_id, body.floor_id, body.member_id, body.tier_id, body.reason, body.evidence, person)
        await ask(running.pool, FloorRequest(*wanted))
        return await _answer(running, program_id, body.floor_id)

    @router.get(_PATH)
    async def waiting(program_id: str) -> list[dict[str, Any]]:
        return await tier_floors.waiting(running.pool, program_id)

    @router.get(_PATH + "/{floor_id}")
    async def show(program_id: str, floor_id: str) -> dict[str, Any]:
        return await _answer(running, program_id, floor_id)

    @router.post(_PATH + "/{floor_id}/decisions", status_code=201)
    async def post_decision(program_id: str, floor_id: str, body: DecisionBody, caller: Caller) -> dict[str, Any]:
        await decide(running.pool, program_id, floor_id, body.verdict, person_of(body.person, caller), body.note)
        return await _answer(running, program_id, floor_id)

    return router


def _require_tier(running: Running, program_id: str, tier_id: str | None) -> None:
    if not running.programs.knows(program_id):
        raise ProblemError(404, "NOT_FOUND", f"There is no program {program_id}.")
    tiers = running.programs.versions(program_id)[-1].pack.tiers
    known = {level.tier_id for level in tiers.levels} if tiers is not None else set()
    if not known or (tier_id is not None and tier_id not in known):
        raise ProblemError(404, "NOT_FOUND", f"Program {program_id} has no tier {tier_id or ''} in its pack.")


async def _answer(running: Running, program_id: str, floor_id: str) -> dict[str, Any]:
    row = await tier_floors.read(running.pool, program_id, floor_id)
    if row is None:
        raise unknown(program_id, floor_id)
    return dict(row)
