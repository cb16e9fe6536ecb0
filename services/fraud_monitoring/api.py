"""Fraud monitoring's HTTP routes: the queue of cases, one case with its numbers, a person's decision, the rules."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.fraud_monitoring.domain.limits import Limit, Limits
from services.fraud_monitoring.settings import FraudSettings
from services.fraud_monitoring.store.decide import Decision, Verdict, decide
from services.fraud_monitoring.store.queries import PRECISION, list_cases, read_case, read_trace
from shared.events.fields import MAX_SAFE_INTEGER, FreeText, Identifier
from shared.events.reason_codes import ReasonCode, describe
from shared.runtime.http import Actor, ProblemError, operator_guard
from shared.runtime.service import Running

State = Literal["open", "escalated", "released", "confirmed"]
NOBODY = ("operator", "reviewer")  # what a token alone says
RULES = {
    ReasonCode.MEMBER_VELOCITY: "member_velocity",
    ReasonCode.DEVICE_SHARED: "device_shared",
    ReasonCode.REFUND_AFTER_EARNING: "refund_after_earning",
    ReasonCode.REFERRAL_RING: "referral_ring",
    ReasonCode.WEIGHT_IMPLAUSIBLE: "implausible_weight",
}


class CaseSummary(BaseModel):
    """A case as the queue shows it. Times in UTC; `value` is the highest that was counted in one window."""

    case_id: UUID
    rule: str
    program_id: str
    subject_key: str
    member_id: str
    window_start: datetime
    window_end: datetime
    value: int
    threshold: int
    correlation_id: str
    opened_at: datetime
    deadline: datetime
    state: State
    decided_by: str | None
    note: str | None
    decided_at: datetime | None
    escalated_at: datetime | None


class CaseAnswer(CaseSummary):
    """One case whole."""

    reason_en: str
    reason_zh: str
    signals: list[dict[str, Any]]
    holds: list[dict[str, Any]]
    decisions: list[dict[str, Any]]


class CasesAnswer(BaseModel):
    """A page of the queue; `next_after` asks for the next one."""

    cases: list[CaseSummary]
    next_after: UUID | None


class RuleAnswer(BaseModel):
    """A rule with its limit, and how often people found it right."""

    rule: str
    limit: dict[str, int]
    cases: int
    waiting: int
    confirmed: int
    released: int


class DecisionBody(BaseModel):
    """Who decides what, and why. `points` is only for the confirmation of one named hold.

    `person` absent means the one named in the header Greenpoints-Actor; one of the two there must be (C26).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict
    person: Identifier | None = None
    note: Annotated[FreeText, Field(min_length=3)]
    hold_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=1000)] | None = None
    points: Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)] | None = None

    @model_validator(mode="after")
    def _points_name_one_hold(self) -> Self:
        if self.points is not None and (self.verdict != "confirm" or len(self.hold_ids or ()) != 1):
            raise ValueError("points go with verdict confirm and exactly one hold_id")
        if self.verdict == "escalate" and self.hold_ids is not None:
            raise ValueError("a case is escalated as a whole; leave hold_ids out")
        return self


def routes(running: Running, settings: FraudSettings) -> Sequence[APIRouter]:
    """Everything under /v1, for callers with the operator's or the reviewer's token."""
    guard = _guard(running.settings.operator_token.get_secret_value(), settings.reviewer_token.get_secret_value())
    router = APIRouter(prefix="/v1", tags=["cases"], dependencies=[Depends(guard)])
    Caller = Annotated[str, Depends(guard)]  # noqa: N806 - an annotation's alias
    pool = running.pool

    @router.get("/cases")
    async def show_cases(
        state: State = "open",
        rule: str | None = None,
        member: str | None = None,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> CasesAnswer:
        rows = await list_cases(pool, state, rule=rule, member=member, after=after, limit=limit)
        cases = [CaseSummary.model_validate(dict(row)) for row in rows]
        return CasesAnswer(cases=cases, next_after=cases[-1].case_id if len(cases) == limit else None)

    @router.get("/cases/{case_id}")
    async def show_case(case_id: UUID) -> CaseAnswer:
        return await _case(running, case_id)

    @router.post("/cases/{case_id}/decisions", status_code=201)
    async def post_decision(case_id: UUID, body: DecisionBody, caller: Caller) -> CaseAnswer:
        person = body.person or caller
        if person in NOBODY:
            raise ProblemError(422, "PERSON_MISSING", "A person decides a case: name them in `person`.")
        await decide(pool, Decision(case_id, body.verdict, person, body.note, body.hold_ids, body.points))
        return await _case(running, case_id)

    @router.get("/rules")
    async def show_rules() -> list[RuleAnswer]:
        counted = {row["rule"]: row for row in await pool.fetch(PRECISION)}
        return [_rule(code, settings.limits, counted.get(code.value)) for code in RULES]

    @router.get("/trace/{wanted:path}")
    async def trace(wanted: str) -> dict[str, list[dict[str, Any]]]:
        return await read_trace(pool, wanted)

    return [router]


async def _case(running: Running, case_id: UUID) -> CaseAnswer:
    found = await read_case(running.pool, case_id)
    if found is None:
        raise ProblemError(404, "NOT_FOUND", f"There is no case {case_id}; list them first.")
    reason = describe(ReasonCode(found["rule"]))
    return CaseAnswer(**found, reason_en=reason.en, reason_zh=reason.zh)


def _rule(code: ReasonCode, limits: Limits, counted: Any | None) -> RuleAnswer:
    limit: Limit = getattr(limits, RULES[code])
    counts = {name: 0 if counted is None else counted[name] for name in ("cases", "waiting", "confirmed", "released")}
    return RuleAnswer(rule=code.value, limit=limit.model_dump(), **counts)


def _guard(operator_token: str, reviewer_token: str) -> Any:
    """The operator's token opens everything; the reviewer's, where one is set, opens what is guarded by this."""
    as_operator = operator_guard(operator_token)

    async def guard(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))] = None,
        actor: Actor = None,
    ) -> str:
        if (
            credentials is not None
            and reviewer_token
            and hmac.compare_digest(credentials.credentials.encode(), reviewer_token.encode())
        ):
            return actor if actor and actor.isprintable() else "reviewer"
        return await as_operator(credentials, actor)

    return guard
