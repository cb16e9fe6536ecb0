"""Who may call: API keys looked up in the database and remembered for a few seconds."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import asyncpg
import structlog

from services.gateway.domain.api_key import ApiKey
from shared.runtime.http import ProblemError
from shared.runtime.postgres import DATABASE_AWAY
from shared.runtime.secret_keys import is_secret_of, parse_key

log = structlog.get_logger()

PREFIX = "gp"
REMEMBERED_NANOSECONDS = 3_000_000_000  # with the look-up's own limit, a revocation takes effect within 5 s
_LOOK_UP_SECONDS = 2
# Whatever the database says instead of an answer (a changed password too): the caller is not to blame.
UNANSWERED = (*DATABASE_AWAY, asyncpg.PostgresError)


class FindsKeys(Protocol):
    """What the book needs of the store."""

    async def find(self, key_id: str) -> ApiKey | None: ...


class KeyBook:
    """Authenticates requests. Only keys that exist are remembered, so strangers cannot fill the memory."""

    def __init__(self, store: FindsKeys, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._store = store
        self._clock = clock
        self._remembered: dict[str, tuple[ApiKey, int]] = {}

    async def authenticate(self, authorization: str | None) -> ApiKey:
        """The key of an Authorization header. Raises ProblemError: 401, or 503 while the database is away."""
        if authorization is None:
            raise _unauthenticated("Send your API key: Authorization: Bearer gp_<key id>_<secret>.")
        scheme, _, token = authorization.partition(" ")
        parsed = parse_key(PREFIX, token.strip()) if scheme.lower() == "bearer" else None
        key = await self._find(parsed[0]) if parsed else None
        if parsed is None or key is None or not is_secret_of(key.secret_hash, parsed[1]) or not key.active:
            raise _unauthenticated("This API key is unknown, wrong or revoked; ask the operator for a new one.")
        return key

    def forget(self, key_id: str) -> None:
        """Look the key up anew at its next use."""
        self._remembered.pop(key_id, None)

    async def _find(self, key_id: str) -> ApiKey | None:
        now = self._clock()
        known = self._remembered.get(key_id)
        if known is not None and now < known[1]:
            return known[0]
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                key = await self._store.find(key_id)
        except UNANSWERED as error:
            log.warning("key not looked up", error=error)
            raise database_away() from error
        if key is None:
            self.forget(key_id)
        else:
            self._remembered[key_id] = (key, now + REMEMBERED_NANOSECONDS)
        return key


def database_away() -> ProblemError:
    return ProblemError(
        503, "DATABASE_AWAY", "The gateway cannot reach its database; send the same request again later.",
        headers={"Retry-After": "2"},
    )  # fmt: skip


def _unauthenticated(detail: str) -> ProblemError:
    return ProblemError(401, "UNAUTHENTICATED", detail, headers={"WWW-Authenticate": 'Bearer realm="greenpoints"'})
