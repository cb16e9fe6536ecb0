"""The SQL of access keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.runtime.postgres import Pool

Kind = Literal["till", "member"]

FIND = """
    SELECT key_id, secret_hash, kind, program_id, merchant_id, member_id, requests_per_second,
           revoked_at IS NULL AS active
      FROM access_key WHERE key_id = $1
"""
_SHOWN = "key_id, kind, program_id, merchant_id, member_id, requests_per_second, issued_by, created_at, revoked_at"
_ISSUE = f"""
    INSERT INTO access_key (key_id, secret_hash, kind, program_id, merchant_id, member_id, requests_per_second,
                            issued_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    RETURNING {_SHOWN}
"""  # noqa: S608 - columns of our own
LIST = f"""
    SELECT {_SHOWN} FROM access_key
     WHERE program_id = $1 AND (created_at, key_id) > (
           coalesce((SELECT created_at FROM access_key WHERE key_id = $2), '-infinity'), $2)
     ORDER BY created_at, key_id LIMIT $3
"""  # noqa: S608 - columns of our own
# The first revocation's time stands.
_REVOKE = "UPDATE access_key SET revoked_at = now() WHERE key_id = $1 AND revoked_at IS NULL"
_IS_THERE = "SELECT EXISTS (SELECT FROM access_key WHERE key_id = $1)"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key as redemption keeps it: the secret itself is nowhere."""

    key_id: str
    secret_hash: bytes
    kind: Kind
    program_id: str
    merchant_id: str | None
    member_id: str | None
    requests_per_second: int
    active: bool


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What a new key is to be bound to: a merchant for a till, a member for that member's app."""

    kind: Kind
    program_id: str
    merchant_id: str | None
    member_id: str | None
    requests_per_second: int
    issued_by: str


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as operators see it."""

    key_id: str
    kind: Kind
    program_id: str
    merchant_id: str | None
    member_id: str | None
    requests_per_second: int
    issued_by: str
    created_at: datetime
    revoked_at: datetime | None


async def find_key(pool: Pool, key_id: str) -> AccessKey | None:
    row = await pool.fetchrow(FIND, key_id)
    return None if row is None else AccessKey(**dict(row))


async def issue_key(pool: Pool, key_id: str, secret_hash: bytes, wanted: WantedKey) -> IssuedKey:
    row = await pool.fetchrow(
        _ISSUE, key_id, secret_hash, wanted.kind, wanted.program_id, wanted.merchant_id, wanted.member_id,
        wanted.requests_per_second, wanted.issued_by,
    )  # fmt: skip
    assert row is not None  # noqa: S101 - an INSERT … RETURNING of one row returns it or raises
    return IssuedKey(**dict(row))


async def list_keys(pool: Pool, program_id: str, after: str, limit: int) -> list[IssuedKey]:
    """A program's keys, revoked ones too, in the order of issue; `after` is the key id the last page ended with."""
    return [IssuedKey(**dict(row)) for row in await pool.fetch(LIST, program_id, after, limit)]


async def revoke_key(pool: Pool, key_id: str) -> bool:
    """Whether there is such a key; revoking again changes nothing."""
    await pool.execute(_REVOKE, key_id)
    return bool(await pool.fetchval(_IS_THERE, key_id))
