"""Sessions and attempts to sign in."""

import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

from services.console.domain.credentials import ATTEMPT_MINUTES, Attempts
from services.console.domain.rights import Role
from shared.runtime.postgres import Pool

_TOKEN_BYTES = 32
_OPEN = "INSERT INTO session (session_hash, operator_id, csrf, address) VALUES ($1, $2, $3, $4)"
# Looked up with every request; written once a minute at most.
FIND = """
WITH found AS (
    SELECT s.session_hash, s.operator_id, s.csrf, s.last_seen_at < now() - interval '1 minute' AS is_old,
           o.name, o.role, o.must_change
      FROM session s,
           LATERAL (SELECT * FROM operator WHERE operator_id = s.operator_id AND disabled_at IS NULL OFFSET 0) AS o
     WHERE s.session_hash = $1
       AND s.last_seen_at > now() - make_interval(mins => $2) AND s.created_at > now() - make_interval(hours => $3)
), seen AS (
    UPDATE session SET last_seen_at = now()
     WHERE session_hash = (SELECT session_hash FROM found WHERE is_old)
)
SELECT operator_id, csrf, name, role, must_change FROM found
"""
_CLOSE = "DELETE FROM session WHERE session_hash = $1"
# By name and by address, and not by time, which the plan of an empty table would prefer: under a flood that is all.
ATTEMPT = """
WITH tried AS (INSERT INTO sign_in_attempt (name, address) VALUES ($1, $2)),
     by_name AS MATERIALIZED (SELECT address, attempted_at FROM sign_in_attempt WHERE name = $1),
     by_address AS MATERIALIZED (SELECT attempted_at FROM sign_in_attempt WHERE address = $2)
SELECT 1 + (SELECT count(*) FROM by_name WHERE address = $2 AND attempted_at > now() - make_interval(mins => $3))
           AS by_both,
       1 + (SELECT count(*) FROM by_name WHERE attempted_at > now() - make_interval(mins => $3)) AS by_name,
       1 + (SELECT count(*) FROM by_address WHERE attempted_at > now() - make_interval(mins => $3)) AS by_address
"""
_FORGIVE = "DELETE FROM sign_in_attempt WHERE name = $1 AND address = $2"
_SWEEP = """
WITH old_attempts AS (DELETE FROM sign_in_attempt WHERE attempted_at < now() - interval '1 hour')
DELETE FROM session WHERE last_seen_at < now() - make_interval(mins => $1)
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A session and whose it is; `session_hash` names it, only the browser has its token."""

    session_hash: bytes
    operator_id: UUID
    name: str
    role: Role
    must_change: bool
    csrf: str


class SessionStore:
    """All SQL about sessions."""

    def __init__(self, pool: Pool, *, idle_minutes: int, hours: int) -> None:
        self._pool = pool
        self._idle_minutes = idle_minutes
        self._hours = hours

    async def open(self, operator_id: UUID, address: str) -> str:
        """A new session's token, for the cookie alone."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await self._pool.execute(_OPEN, hash_token(token), operator_id, secrets.token_urlsafe(_TOKEN_BYTES), address)
        return token

    async def find(self, session_hash: bytes) -> Session | None:
        """The session while it lasts and its operator may sign in."""
        row = await self._pool.fetchrow(FIND, session_hash, self._idle_minutes, self._hours)
        return None if row is None else Session(session_hash, **{**row, "role": Role(row["role"])})

    async def close(self, session_hash: bytes) -> None:
        await self._pool.execute(_CLOSE, session_hash)

    async def attempt(self, name: str, address: str) -> Attempts:
        """Note one more attempt and say how many there were of late."""
        row = await self._pool.fetchrow(ATTEMPT, name, address, ATTEMPT_MINUTES)
        assert row is not None  # noqa: S101 - sub-selects alone always make one row
        return Attempts(**row)

    async def forgive(self, name: str, address: str) -> None:
        """After a success."""
        await self._pool.execute(_FORGIVE, name, address)

    async def sweep(self) -> None:
        """Forget what has run out."""
        await self._pool.execute(_SWEEP, self._idle_minutes)


def hash_token(token: str) -> bytes:
    """The token is random, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()
