"""Closed accounts: kept once, under the wallet's lock."""

from dataclasses import astuple, dataclass
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Member, RedemptionDesk
from shared.runtime.postgres import Connection, Pool

_COLUMNS = (
    "closure_id, event_id, program_id, member_id, idempotency_key, body_hash, acknowledged, unspent, forfeited, "
    "closed_at"
)
CLOSURE = f"SELECT {_COLUMNS} FROM closure WHERE program_id = $1 AND member_id = $2"  # noqa: S608 - ours
_KEEP = f"INSERT INTO closure ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"  # noqa: S608 - ours
# Closed once: the first word stands, whether it came by request or, in a rebuild, by redemption's own event.
CLOSE_WALLETS = """
    UPDATE wallet AS w SET closed_at = c.closed_at
      FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS c (program_id, member_id, closed_at)
     WHERE w.program_id = c.program_id AND w.member_id = c.member_id AND w.closed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Closure:
    """`unspent` points there were, held and reserved ones included; the free ones were `forfeited` at once."""

    closure_id: UUID
    event_id: UUID
    program_id: str
    member_id: str
    idempotency_key: str
    body_hash: bytes
    acknowledged: int
    unspent: int
    forfeited: int
    closed_at: datetime


async def find_closure(connection: "Connection | Pool", member: Member) -> Closure | None:
    row = await connection.fetchrow(CLOSURE, *member)
    return None if row is None else Closure(**dict(row))


async def save_closure(connection: Connection, closure: Closure) -> None:
    """Keep the closing and close the wallet."""
    await connection.execute(_KEEP, *astuple(closure))
    await connection.execute(CLOSE_WALLETS, [closure.program_id], [closure.member_id], [closure.closed_at])


async def save_closed(connection: Connection, desk: RedemptionDesk) -> None:
    """Close the wallets that a batch adopted as closed, under their locks; most batches have none."""
    if desk.closed:
        programs, members = [member[0] for member in desk.closed], [member[1] for member in desk.closed]
        await connection.execute(CLOSE_WALLETS, programs, members, list(desk.closed.values()))
