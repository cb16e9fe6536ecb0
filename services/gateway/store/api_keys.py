"""The SQL of API keys."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.gateway.domain.api_key import ApiKey, Scope
from shared.runtime.postgres import Pool

_ISSUE = """
INSERT INTO api_key (key_id, secret_hash, program_id, merchant_id, terminal_id, events_per_second)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING key_id, program_id, merchant_id, terminal_id, events_per_second, created_at, revoked_at
"""
_FIND = """
SELECT key_id, secret_hash, program_id, merchant_id, terminal_id, events_per_second, revoked_at
  FROM api_key WHERE key_id = $1
"""
_LIST = """
SELECT key_id, program_id, merchant_id, terminal_id, events_per_second, created_at, revoked_at
  FROM api_key ORDER BY created_at, key_id
"""
# The first revocation's time stands.
_REVOKE = """
UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1 RETURNING key_id
"""


@dataclass(frozen=True, slots=True)
class Issued:
    """An API key as operators see it."""

    key_id: str
    program_id: str
    merchant_id: str | None
    terminal_id: str | None
    events_per_second: int
    created_at: datetime
    revoked_at: datetime | None


class ApiKeyStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def issue(self, key_id: str, secret_hash: bytes, scope: Scope, events_per_second: int) -> Issued:
        row = await self._pool.fetchrow(
            _ISSUE, key_id, secret_hash, scope.program_id, scope.merchant_id, scope.terminal_id, events_per_second
        )
        assert row is not None  # noqa: S101 - an INSERT … RETURNING of one row returns it or raises
        return Issued(**dict(row))

    async def find(self, key_id: str) -> ApiKey | None:
        row = await self._pool.fetchrow(_FIND, key_id)
        return None if row is None else _key(row)

    async def list(self) -> list[Issued]:
        """Every key, revoked ones too, in the order of issue."""
        return [Issued(**dict(row)) for row in await self._pool.fetch(_LIST)]

    async def revoke(self, key_id: str) -> bool:
        """Whether there is such a key; revoking again changes nothing."""
        return await self._pool.fetchval(_REVOKE, key_id) is not None


def _key(row: asyncpg.Record) -> ApiKey:
    scope = Scope(row["program_id"], row["merchant_id"], row["terminal_id"])
    return ApiKey(row["key_id"], row["secret_hash"], scope, row["events_per_second"], row["revoked_at"] is None)
