"""Who may call which route: the operator's token, a till's key, a member's key; and what each may see.

A till's key is bound to one merchant of one program, a member's key to one member. A route names one of the guards
of `Access`; a route that finds its thing by an id asks the caller that the guard answers with.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import asyncpg
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.redemption.store.access_keys import AccessKey, find_key
from shared.runtime.http import Actor, ProblemError
from shared.runtime.postgres import DATABASE_AWAY
from shared.runtime.secret_keys import is_secret_of, parse_key
from shared.runtime.service import Running
from shared.runtime.token_bucket import TokenBucket

log = structlog.get_logger()

KEY_PREFIX = "gpr"
REMEMBERED_NANOSECONDS = 3_000_000_000  # with the look-up's own limit, a revocation takes effect within 5 s
_LOOK_UP_SECONDS = 2
_BURST_SECONDS = 2
_STRANGERS_PER_SECOND = 50  # look-ups of keys that are not remembered, for they cost a query each

_bearer = HTTPBearer(
    auto_error=False, description="The operator's token, or an access key: gpr_<key id>_<secret> of a till or a member."
)
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `name` is the person acting for the operator, or `till:<key id>`, `member:<key id>`."""

    kind: Literal["operator", "till", "member"]
    name: str
    program_id: str | None = None
    merchant_id: str | None = None
    member_id: str | None = None

    def sees(self, program_id: str, *, merchant_id: str | None = None, member_id: str | None = None) -> bool:
        """Whether a thing of this program, merchant and member is the caller's own; the operator sees all.

        A route that finds a thing by its id answers 404, as for an unknown id, where this is False: else the
        answer would tell that it exists.
        """
        if self.kind == "operator":
            return True
        if program_id != self.program_id:
            return False
        if self.kind == "till":
            return merchant_id is not None and merchant_id == self.merchant_id
        return member_id is not None and member_id == self.member_id

    def require_merchant(self, merchant_id: str) -> None:
        """For a till's route whose body names the merchant. Raises ProblemError 403 where it is another's."""
        if self.kind != "operator" and merchant_id != self.merchant_id:
            raise _out_of_scope("This key is another merchant's; a till may act for its own merchant alone.")

    def require_member(self, member_id: str) -> None:
        """For a route whose body or query names the member. Raises ProblemError 403 for another member's key."""
        if self.kind == "member" and member_id != self.member_id:
            raise _out_of_scope("This key is another member's; a member may act for themself alone.")


class Access:
    """The guards of all routes of one process; what they let in, within its rate, is the `Caller` they answer with."""

    def __init__(self, running: Running, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._pool = running.pool
        self._operator_token = running.settings.operator_token.get_secret_value().encode()
        self._clock = clock
        self._remembered: dict[str, tuple[AccessKey, int]] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._strangers = TokenBucket.full(_STRANGERS_PER_SECOND, 2 * _STRANGERS_PER_SECOND, clock())

    async def operator(self, credentials: _Credentials = None, actor: Actor = None) -> Caller:
        """Only the operator's token: whatever acts for many merchants or members, or decides."""
        caller = await self._authenticate(_token(credentials), actor)
        if caller.kind != "operator":
            raise _out_of_scope("Only the operator's token may do this.")
        return caller

    async def member(self, request: Request, credentials: _Credentials = None, actor: Actor = None) -> Caller:
        """The operator, or the key of the very member that the path names as {program} and {member}."""
        caller = await self._authenticate(_token(credentials), actor)
        named = request.path_params
        if caller.kind == "till" or not caller.sees(named["program"], member_id=named["member"]):
            raise _out_of_scope("Only this member's own key, or the operator's token, may do this.")
        return caller

    async def till(self, request: Request, credentials: _Credentials = None, actor: Actor = None) -> Caller:
        """The operator, or a till of the path's {program}. What it names or finds must also be its merchant's:
        `caller.require_merchant(body.merchant_id)`, or `caller.sees(…, merchant_id=…)` for what an id found.
        """
        return await self.till_of(request.path_params["program"], _token(credentials), actor)

    async def till_of(self, program_id: str, token: str | None, actor: str | None = None) -> Caller:
        """The same guard for a route that is read by itself (quick_route.py)."""
        caller = await self._authenticate(token, actor)
        if caller.kind == "member" or not self._in_program(caller, program_id):
            raise _out_of_scope("Only a till's key of this program, or the operator's token, may do this.")
        return caller

    async def of_program(self, request: Request, credentials: _Credentials = None, actor: Actor = None) -> Caller:
        """Any key of the path's {program}: what every member and till of it may know."""
        caller = await self._authenticate(_token(credentials), actor)
        if not self._in_program(caller, request.path_params["program"]):
            raise _out_of_scope("This key is of another program.")
        return caller

    async def holder(self, credentials: _Credentials = None, actor: Actor = None) -> Caller:
        """Any valid key, for paths that name a thing by its id alone: the route must ask `caller.sees(…)`."""
        return await self._authenticate(_token(credentials), actor)

    def forget(self, key_id: str) -> None:
        """Look the key up anew at its next use."""
        self._remembered.pop(key_id, None)

    @staticmethod
    def _in_program(caller: Caller, program_id: str) -> bool:
        return caller.kind == "operator" or caller.program_id == program_id

    async def _authenticate(self, token: str | None, actor: str | None) -> Caller:
        """Raises ProblemError: 401, 403 for a token that is none, 429, or 503 while the database is away."""
        if token is None:
            raise _unauthenticated("Send the operator's token or your access key as a bearer token.")
        parsed = parse_key(KEY_PREFIX, token)
        if parsed is None:
            return self._the_operator(token, actor)
        key = await self._find(parsed[0])
        if key is None or not is_secret_of(key.secret_hash, parsed[1]) or not key.active:
            raise _unauthenticated("This access key is unknown, wrong or revoked; ask the operator for a new one.")
        self._limit(key)
        return Caller(key.kind, f"{key.kind}:{key.key_id}", key.program_id, key.merchant_id, key.member_id)

    def _the_operator(self, token: str, actor: str | None) -> Caller:
        if not self._operator_token or not hmac.compare_digest(token.encode(), self._operator_token):
            raise ProblemError(
                403, "FORBIDDEN", "This is neither an access key nor the operator's token, GREENPOINTS_OPERATOR_TOKEN."
            )
        return Caller("operator", actor if actor and actor.isprintable() else "operator")

    async def _find(self, key_id: str) -> AccessKey | None:
        """Only keys that exist are remembered, so strangers cannot fill the memory."""
        now = self._clock()
        known = self._remembered.get(key_id)
        if known is not None and now < known[1]:
            return known[0]
        if known is None and (wait := self._strangers.take(1, now)):
            raise _too_many(wait, "Too many unknown access keys at once")
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                key = await find_key(self._pool, key_id)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            log.warning("access key not looked up", error=error)
            raise ProblemError(
                503, "DATABASE_AWAY", "Redemption cannot reach its database; send the same request again later.",
                headers={"Retry-After": "2"},
            ) from error  # fmt: skip
        if key is None:
            self.forget(key_id)
        else:
            self._remembered[key_id] = (key, now + REMEMBERED_NANOSECONDS)
        return key

    def _limit(self, key: AccessKey) -> None:
        now, rate = self._clock(), key.requests_per_second
        bucket = self._buckets.get(key.key_id)
        if bucket is None:
            bucket = self._buckets[key.key_id] = TokenBucket.full(rate, _BURST_SECONDS * rate, now)
        if wait := bucket.take(1, now):
            raise _too_many(wait, f"This access key may send {rate} requests a second")


def _token(credentials: HTTPAuthorizationCredentials | None) -> str | None:
    return None if credentials is None else credentials.credentials


def _too_many(wait: int, why: str) -> ProblemError:
    return ProblemError(
        429, "RATE_LIMITED", f"{why}; send this again in {wait} s.", headers={"Retry-After": str(wait)}
    )  # fmt: skip


def _out_of_scope(detail: str) -> ProblemError:
    return ProblemError(403, "OUT_OF_SCOPE", detail)


def _unauthenticated(detail: str) -> ProblemError:
    return ProblemError(401, "UNAUTHENTICATED", detail, headers={"WWW-Authenticate": 'Bearer realm="greenpoints"'})
