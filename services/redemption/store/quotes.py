"""Quotes: prices promised for a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from services.redemption.desk import Member
from services.redemption.domain.claims import PlannedClaim, Wish
from shared.programs.prices import Price
from shared.runtime.postgres import Connection, Pool

_COLUMNS = """
    SELECT quote_id, program_id, member_id, body_hash, version, lines, quoted_at, expires_at,
           service_now() >= expires_at AS expired
      FROM quote"""
QUOTE = _COLUMNS + " WHERE quote_id = $1 AND program_id = $2 AND member_id = $3"
_KEEP = """
    INSERT INTO quote (quote_id, program_id, member_id, idempotency_key, body_hash, version, lines, quoted_at,
                       expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9)
    ON CONFLICT DO NOTHING
"""
# What another worker is deleting is left to it.
DELETE_ENDED = """
    WITH ended AS (
        SELECT ctid FROM quote WHERE expires_at <= service_now() - $1::interval
         ORDER BY expires_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM quote AS q WHERE q.ctid = ANY(ARRAY(SELECT ctid FROM ended)) RETURNING 1
    )
    SELECT count(*) FROM deleted
"""


@dataclass(frozen=True, slots=True)
class Quote:
    """`prices` are those of one claim, by reward; `version` is the program's whose terms were promised."""

    quote_id: UUID
    member: Member
    body_hash: bytes
    version: int
    wishes: tuple[Wish, ...]
    prices: Mapping[str, Price]
    quoted_at: datetime
    expires_at: datetime
    expired: bool


@dataclass(frozen=True, slots=True)
class NewQuote:
    """A promise about to be kept."""

    quote_id: UUID
    member: Member
    idempotency_key: str
    body_hash: bytes
    version: int
    claims: Sequence[PlannedClaim]
    quoted_at: datetime
    expires_at: datetime


async def keep_quote(connection: Connection, new: NewQuote) -> None:
    """Twice is once: the first of a key stands."""
    lines = [
        {
            "reward_id": one.reward.reward_id,
            "quantity": one.quantity,
            "slot": one.slot,
            "points": one.price.points,
            "money_minor": one.price.money_minor,
        }
        for one in new.claims
    ]
    await connection.execute(
        _KEEP,
        new.quote_id,
        *new.member,
        new.idempotency_key,
        new.body_hash,
        new.version,
        orjson.dumps(lines).decode(),
        new.quoted_at,
        new.expires_at,
    )


async def find_quote(connection: "Connection | Pool", member: Member, quote_id: UUID) -> Quote | None:
    """The member's own quote, expired or not; None for another's or an unknown one."""
    row = await connection.fetchrow(QUOTE, quote_id, *member)
    if row is None:
        return None
    lines = orjson.loads(row["lines"])
    return Quote(
        quote_id=row["quote_id"],
        member=member,
        body_hash=row["body_hash"],
        version=row["version"],
        wishes=tuple(Wish(line["reward_id"], line["quantity"], line["slot"]) for line in lines),
        prices={line["reward_id"]: Price(points=line["points"], money_minor=line["money_minor"]) for line in lines},
        quoted_at=row["quoted_at"],
        expires_at=row["expires_at"],
        expired=row["expired"],
    )


async def delete_ended(pool: Pool, kept_for: timedelta, limit: int) -> int:
    """Delete the oldest quotes that ended so long ago, `limit` at most; how many there were."""
    deleted: int = await pool.fetchval(DELETE_ENDED, kept_for, limit)
    return deleted
