"""Refuses paths that must not exist, whoever calls and whatever is behind them, and leaves an audit record."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID, uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.domain.prohibited_path import prohibition
from services.gateway.domain.token_bucket import TokenBucket
from services.gateway.key_book import UNANSWERED, KeyBook, database_away
from shared.events.reason_codes import Reason, ReasonCode, describe
from shared.runtime.http import ProblemError, problem
from shared.runtime.telemetry import REFUSED

log = structlog.get_logger()

_LONGEST_PATH = 200
_RECORDS_PER_SECOND = 100
_BURST = 1000


class RecordsProhibited(Protocol):
    """What the refusal needs of the store."""

    async def record(self, request_id: UUID, reason: Reason, method: str, path: str, key_id: str | None) -> None: ...


class ProhibitedPaths:
    """Middleware. A 403 is answered only when its record is stored: else 503, and nothing has happened either way.

    Anybody may call these paths, so the records are limited in number per second and process.
    """

    def __init__(
        self, app: ASGIApp, store: RecordsProhibited, keys: KeyBook, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._app = app
        self._store = store
        self._keys = keys
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
        reason, request_id = describe(code), uuid4()
        key_id = await self._caller(Headers(scope=scope).get("authorization"))
        try:
            async with asyncio.timeout(2):
                await self._store.record(request_id, reason, scope["method"], _storable(scope["path"]), key_id)
        except UNANSWERED as error:
            log.warning("prohibited request not recorded", error=repr(error))
            return database_away()
        REFUSED.labels("gateway", code.value).inc()
        log.info("prohibited request", code=code.value, request_id=str(request_id))
        return ProblemError(
            403, code.value, reason.en, reason={"zh-CN": reason.zh, "en": reason.en}, control=reason.control,
            request_id=str(request_id), appeal={"zh-CN": reason.appeal_zh, "en": reason.appeal},
        )  # fmt: skip

    async def _caller(self, authorization: str | None) -> str | None:
        try:
            return (await self._keys.authenticate(authorization)).key_id
        except ProblemError:
            return None


def _storable(path: str) -> str:
    """PostgreSQL stores no U+0000 and no lone surrogates."""
    return path[:_LONGEST_PATH].replace("\x00", "\ufffd").encode(errors="replace").decode()
