"""The gateway's HTTP routes: events in, and the operator's API keys."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import JSONResponse

from services.gateway import intake
from services.gateway.domain.accepted import Record
from services.gateway.domain.api_key import Scope
from services.gateway.domain.judge import Refusal, judge
from services.gateway.key_book import PREFIX, KeyBook
from services.gateway.limits import Admission, RateLimiter
from services.gateway.publisher import KafkaAwayError, Publishes
from services.gateway.store.api_keys import ApiKeyStore, Issued
from shared.events.cloudevent import Rejected
from shared.events.fields import ProgramId
from shared.runtime.http import ProblemError, operator_guard
from shared.runtime.secret_keys import make_key
from shared.runtime.telemetry import REFUSED

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            intake.STRUCTURED: {"schema": {"type": "object"}},
            intake.BATCH: {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"description": text}
    for status, text in {
        401: "No API key, or a wrong or revoked one",
        403: "Outside the API key's scope",
        413: "Too large",
        415: "No content type of CloudEvents",
        422: "Not the contract; nothing of the request was published",
        429: "Too many events for this API key; see Retry-After",
        503: "Kafka or the database is away; see Retry-After",
    }.items()
}
# A name without "/": it becomes a part of the sources and record keys an API key is bound to.
Name = ProgramId


@dataclass(frozen=True, slots=True)
class Door:
    """What the events route works with."""

    keys: KeyBook
    rates: RateLimiter
    admission: Admission
    publisher: Publishes
    body_seconds: int


class KeyRequest(BaseModel):
    """What a new API key is bound to; a key without merchant may send member events only."""

    model_config = ConfigDict(strict=True, extra="forbid")

    program_id: Name
    merchant_id: Name | None = None
    terminal_id: Name | None = None
    events_per_second: Annotated[int, Field(ge=1, le=100_000)] = 1000

    @model_validator(mode="after")
    def _terminal_has_merchant(self) -> Self:
        if self.terminal_id is not None and self.merchant_id is None:
            raise ValueError("a terminal_id needs the merchant_id it belongs to")
        return self


def event_routes(door: Door) -> APIRouter:
    """`POST /v1/events`: 202 only after Kafka acknowledged every event of the request."""
    router = APIRouter(tags=["events"])

    @router.post("/v1/events", status_code=202, openapi_extra=_BODY, responses=_ANSWERS)
    async def post_events(request: Request) -> Response:
        key = await door.keys.authenticate(request.headers.get("authorization"))
        door.rates.take(key, 1)
        content_type = intake.content_type_of(request)
        most = intake.most_bytes(request, content_type)
        with door.admission.admit(most):
            body = await intake.read_body(request, most, door.body_seconds)
            events = intake.events_in(request, content_type, body)
            door.rates.take_rest(key, max(len(events) - 1, 0), taken=1)
            records, refusals = judge(events, key.scope)
            if refusals:
                raise _refused(refusals, in_batch=intake.is_batch(content_type))
            await _publish(door.publisher, records)
        accepted = [{"source": event.source, "id": event.id} for event in events if not isinstance(event, Rejected)]
        return JSONResponse({"accepted": accepted}, 202)

    return router


async def _publish(publisher: Publishes, records: Sequence[Record]) -> None:
    try:
        await publisher.publish(records)
    except KafkaAwayError as error:
        raise ProblemError(
            503, "KAFKA_AWAY",
            f"{error} Send the same request again: what was published already is counted once.",
            headers={"Retry-After": "2"},
        ) from error  # fmt: skip


def _refused(refusals: Sequence[Refusal], *, in_batch: bool) -> ProblemError:
    """One event's refusal, or a batch's with each bad item; broken content outranks the wrong scope."""
    for refusal in refusals:
        REFUSED.labels("gateway", refusal.code).inc()
    status = max(refusal.status for refusal in refusals)
    first = refusals[0]
    if not in_batch:
        return ProblemError(status, first.code, first.message, fields=[asdict(field) for field in first.fields])
    count = len(refusals)
    return ProblemError(
        status, "BATCH_REFUSED",
        f"{count} of the batch's items {'is' if count == 1 else 'are'} refused and nothing of it was published; "
        "correct or remove them, then send the batch again.",
        items=[refusal.as_item() for refusal in refusals],
    )  # fmt: skip


def key_routes(store: ApiKeyStore, keys: KeyBook, operator_token: str) -> APIRouter:
    """The operator's routes: issue, list and revoke API keys."""
    router = APIRouter(prefix="/v1/api-keys", tags=["api keys"], dependencies=[Depends(operator_guard(operator_token))])

    @router.post("", status_code=201)
    async def issue(wanted: KeyRequest, response: Response) -> dict[str, object]:
        """The only answer that ever holds the secret: as part of `api_key`."""
        key = make_key(PREFIX)
        scope = Scope(wanted.program_id, wanted.merchant_id, wanted.terminal_id)
        issued = await store.issue(key.key_id, key.secret_hash, scope, wanted.events_per_second)
        response.headers["Cache-Control"] = "no-store"
        return {**_shown(issued), "api_key": key.text}

    @router.get("")
    async def listed() -> dict[str, object]:
        return {"api_keys": [_shown(issued) for issued in await store.list()]}

    @router.delete("/{key_id}", status_code=204)
    async def revoke(key_id: str) -> None:
        if not await store.revoke(key_id):
            raise ProblemError(404, "NOT_FOUND", "There is no API key of this id; GET /v1/api-keys lists them.")
        keys.forget(key_id)

    return router


def _shown(issued: Issued) -> dict[str, object]:
    return {
        "key_id": issued.key_id,
        "program_id": issued.program_id,
        "merchant_id": issued.merchant_id,
        "terminal_id": issued.terminal_id,
        "events_per_second": issued.events_per_second,
        "state": "active" if issued.revoked_at is None else "revoked",
        "created_at": issued.created_at.isoformat(),
        "revoked_at": None if issued.revoked_at is None else issued.revoked_at.isoformat(),
    }
