"""Earning's HTTP routes for corrections of balances: asking, listing, deciding."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from services.earning.correct import Request, ask, decide, unknown
from services.earning.second_person import Verdict, refusal
from services.earning.store import corrections
from shared.events.fields import FreeText, Identifier, SignedPoints
from shared.events.reason_codes import ReasonCode
from shared.runtime.http import ProblemError, operator_guard
from shared.runtime.service import Running

NOBODY = ("operator",)  # what a token alone says
_PATH = "/programs/{program_id}/corrections"


class CorrectionBody(BaseModel):
    """What is asked for: a credit, or with points below 0 a debit, refused beyond the balance unless it says otherwise.

    `person` absent means the one named in the header Greenpoints-Actor; one there must be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    correction_id: Identifier
    member_id: Identifier
    points: SignedPoints
    budget_id: Identifier
    reason: Annotated[FreeText, Field(min_length=3)]
    evidence: Identifier | None = None
    may_leave_deficit: StrictBool = False
    person: Identifier | None = None


class DecisionBody(BaseModel):
    """Who decides, what, and why; `person` as above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict
    note: Annotated[FreeText, Field(min_length=3)]
    person: Identifier | None = None


def correction_routes(running: Running) -> APIRouter:
    """Under /v1, for callers with the operator's token."""
    guard = operator_guard(running.settings.operator_token.get_secret_value())
    router = APIRouter(prefix="/v1", tags=["corrections"], dependencies=[Depends(guard)])
    Caller = Annotated[str, Depends(guard)]  # noqa: N806 - an annotation's alias

    @router.post(_PATH, status_code=201)
    async def request(program_id: str, body: CorrectionBody, caller: Caller) -> dict[str, Any]:
        await ask(running.pool, _request(running, program_id, body, person_of(body.person, caller)))
        return await _answer(running, program_id, body.correction_id)

    @router.get(_PATH)
    async def waiting(program_id: str) -> list[dict[str, Any]]:
        return await corrections.waiting(running.pool, program_id)

    @router.get(_PATH + "/{correction_id}")
    async def show(program_id: str, correction_id: str) -> dict[str, Any]:
        return await _answer(running, program_id, correction_id)

    @router.post(_PATH + "/{correction_id}/decisions", status_code=201)
    async def post_decision(program_id: str, correction_id: str, body: DecisionBody, caller: Caller) -> dict[str, Any]:
        person = person_of(body.person, caller)
        await decide(running.pool, program_id, correction_id, body.verdict, person, body.note)
        return await _answer(running, program_id, correction_id)

    return router


def _request(running: Running, program_id: str, body: CorrectionBody, person: str) -> Request:
    """Raises ProblemError for what no second person could approve either."""
    if not running.programs.knows(program_id):
        raise ProblemError(404, "NOT_FOUND", f"There is no program {program_id}.")
    if body.evidence is None:
        raise refusal(422, ReasonCode.EVIDENCE_MISSING, "Say in `evidence` where the papers of this correction are.")
    if body.points == 0:
        raise ProblemError(422, "NO_POINTS", "A correction is of more or less than 0 points: say how many.")
    if body.may_leave_deficit and body.points > 0:
        raise ProblemError(422, "NO_DEBIT", "Only a debit, of less than 0 points, may leave a deficit.")
    pack = running.programs.versions(program_id)[-1].pack
    if body.budget_id not in {budget.budget_id for budget in pack.budgets}:
        raise ProblemError(404, "NOT_FOUND", f"Program {program_id} has no budget line {body.budget_id} in its pack.")
    return Request(
        program_id,
        body.correction_id,
        body.member_id,
        body.points,
        body.budget_id,
        body.reason,
        body.evidence,
        person,
        body.may_leave_deficit,
    )


def person_of(named: str | None, caller: str) -> str:
    """Who acts: a person, never a token alone. Raises ProblemError PERSON_MISSING."""
    person = named or caller
    if person in NOBODY:
        raise ProblemError(422, "PERSON_MISSING", "A person asks and a person decides: name them in `person`.")
    return person


async def _answer(running: Running, program_id: str, correction_id: str) -> dict[str, Any]:
    row = await corrections.read(running.pool, program_id, correction_id)
    if row is None:
        raise unknown(program_id, correction_id)
    return {**dict(row), "steps": orjson.loads(row["steps"] or "[]")}
