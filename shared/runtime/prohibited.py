"""Refuses paths that must not exist, whoever calls and whatever is behind them, and leaves an audit record."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg
import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.events.reason_codes import Reason, ReasonCode, describe
from shared.runtime.http import ProblemError, problem
from shared.runtime.postgres import DATABASE_AWAY
from shared.runtime.prohibited_path import prohibition
from shared.runtime.telemetry import REFUSED
from shared.runtime.token_bucket import TokenBucket

log = structlog.get_logger()

_LONGEST_PATH = 200
_RECORDS_PER_SECOND = 100
_BURST = 1000


class ProhibitedRequest(NamedTuple):
    """What is kept: `path` without its query, at most 200 characters; `authorization` is to be looked up, not kept."""

    request_id: UUID
    reason: Reason
    method: str
    path: str
    authorization: str | None


RecordProhibited = Callable[[ProhibitedRequest], Awaitable[None]]


class ProhibitedPaths:
    """Middleware. A 403 is answered only when its record is stored: else 503, and nothing has happened either way.

    Anybody may call these paths, so the records are limited in number per second and process.
    """

    def __init__(
        self, app: ASGIApp, service: str, record: RecordProhibited, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._app = app
        self._service = service
        self._record = record
        self._clock = clock
        self._bucket = TokenBucket.full(_RECORDS_PER_SECOND, _BURST, clock())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        code = prohibition(scope["path"]) if scope["type"] == "http" else None
        if code is None:
            await self._app(scope, receive, send)
            return
        refusal = await self._refuse(code, scope)
        await problem(refusal)(scope, receive, send)

    async def _refuse(self, code: ReasonCode, scope: Scope) -> ProblemError:
        if wait := self._bucket.take(1, self._clock()):
            return ProblemError(
                429, "RATE_LIMITED", f"Too many prohibited requests; none is served anyway. Wait {wait} s.",
                headers={"Retry-After": str(wait)},
            )  # fmt: skip
        reason, authorization = describe(code), Headers(scope=scope).get("authorization")
        request = ProhibitedRequest(uuid4(), reason, scope["method"], _storable(scope["path"]), authorization)
        try:
            async with asyncio.timeout(2):
                await self._record(request)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            log.warning("prohibited request not recorded", error=error)
            return ProblemError(
                503, "DATABASE_AWAY", f"{self._service} cannot reach its database; send the same request again later.",
                headers={"Retry-After": "2"},
            )  # fmt: skip
        REFUSED.labels(self._service, code.value).inc()
        log.info("prohibited request", code=code.value, request_id=str(request.request_id))
        return ProblemError(
            403, code.value, reason.en, reason={"zh-CN": reason.zh, "en": reason.en}, control=reason.control,
            request_id=str(request.request_id), appeal={"zh-CN": reason.appeal_zh, "en": reason.appeal},
        )  # fmt: skip


def _storable(path: str) -> str:
    """PostgreSQL stores no U+0000 and no lone surrogates."""
    return path[:_LONGEST_PATH].replace("\x00", "\ufffd").encode(errors="replace").decode()
