"""Extensions: an operator's are kept for their idempotency key; those by activity follow from the books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.inactivity import expires_when_idle, idle_expiry
from services.redemption.domain.lot import LotState
from services.redemption.domain.wallet import Wallet
from services.redemption.store.lots import member_columns
from shared.programs.versions import ProgramBook
from shared.runtime.postgres import Connection, Pool

_COLUMNS = "extension_id, program_id, member_id, idempotency_key, body_hash, expires_at, person, reason, extended_at"
EXTENSION = f"""
    SELECT {_COLUMNS}, lots::text AS lots FROM extension
     WHERE program_id = $1 AND member_id = $2 AND idempotency_key = $3
"""  # noqa: S608 - the columns are ours
_KEEP = f"""
    INSERT INTO extension ({_COLUMNS}, lots) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::json)
"""  # noqa: S608 - the columns are ours
# The member's last grant or order, for those whose points expire by inactivity.
LAST_ACTIVE = """
    SELECT m.program_id, m.member_id, a.at, a.cause
      FROM unnest($1::text[], $2::text[]) AS m (program_id, member_id),
           LATERAL (
               SELECT at, cause FROM (
                   (SELECT granted_at AS at, granted_event_id AS cause FROM lot
                     WHERE program_id = m.program_id AND member_id = m.member_id AND child_of IS NULL
                     ORDER BY granted_at DESC LIMIT 1)
                   UNION ALL
                   (SELECT requested_at, redemption_id::text FROM redemption
                     WHERE program_id = m.program_id AND member_id = m.member_id
                     ORDER BY requested_at DESC LIMIT 1)) AS latest
                ORDER BY at DESC LIMIT 1) AS a
"""
IDLE_LOTS = """
    SELECT lot_id FROM lot
     WHERE program_id = $1 AND member_id = $2 AND (remaining > 0 OR held > 0) AND active_at IS NOT NULL
"""
COUNT_FROM = """
    UPDATE lot AS l SET active_at = k.active_at
      FROM unnest($1::uuid[], $2::timestamptz[]) AS k (lot_id, active_at),
           LATERAL (SELECT ctid FROM lot WHERE lot_id = k.lot_id OFFSET 0) AS there
     WHERE l.ctid = there.ctid
"""


class LivesOn(NamedTuple):
    """A lot that was extended, what was left of it, and its date before."""

    lot_id: UUID
    points: int
    expires_before: datetime


class Activity(NamedTuple):
    """A member's last grant or order: when it happened, and its id."""

    at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class Extension:
    """An operator's extension of some lots to one date, None = for ever."""

    extension_id: UUID
    program_id: str
    member_id: str
    idempotency_key: str
    body_hash: bytes
    expires_at: datetime | None
    person: str
    reason: str
    lots: tuple[LivesOn, ...]
    extended_at: datetime


async def find_extension(connection: Connection, member: Member, idempotency_key: str) -> Extension | None:
    row = await connection.fetchrow(EXTENSION, *member, idempotency_key)
    if row is None:
        return None
    lots = [LivesOn(UUID(lot), points, datetime.fromisoformat(before)) for lot, points, before in _list(row["lots"])]
    return Extension(**{**row, "lots": tuple(lots)})


async def save_extension(connection: Connection, kept: Extension) -> None:
    lots = [[str(each.lot_id), each.points, each.expires_before.isoformat()] for each in kept.lots]
    await connection.execute(
        _KEEP,
        kept.extension_id,
        kept.program_id,
        kept.member_id,
        kept.idempotency_key,
        kept.body_hash,
        kept.expires_at,
        kept.person,
        kept.reason,
        kept.extended_at,
        orjson.dumps(lots).decode(),
    )


async def read_last_active(connection: "Connection | Pool", members: Sequence[Member]) -> dict[Member, Activity]:
    """Of locked wallets; one with a lot has been active."""
    if not members:
        return {}
    rows = await connection.fetch(LAST_ACTIVE, *member_columns(members))
    return {(row["program_id"], row["member_id"]): Activity(row["at"], row["cause"]) for row in rows}


async def as_active(pool: Pool, wallet: Wallet, programs: ProgramBook) -> Wallet:
    """The wallet with the dates that its member's last grant or order gives it, whether or not they are posted."""
    member = (wallet.program_id, wallet.member_id)
    if not expires_when_idle(programs, wallet.program_id):
        return wallet
    last = (await read_last_active(pool, [member])).get(member)
    named = [row["lot_id"] for row in await pool.fetch(IDLE_LOTS, *member)]
    idle = [wallet.lots[lot_id] for lot_id in named if lot_id in wallet.lots]
    dated = [
        (lot, idle_expiry(programs, wallet.program_id, lot.origin.rule_version, last.at))
        for lot in idle
        if last is not None and lot.state is not LotState.EXPIRED
    ]
    return wallet.with_lots(
        lot._replace(expires_at=date) for lot, date in dated if date is not None and date > (lot.expires_at or date)
    )


async def count_from(connection: Connection, activities: Mapping[UUID, datetime]) -> None:
    """From which activity the dates of some lots count now, after the desk was saved."""
    if activities:
        await connection.execute(COUNT_FROM, list(activities), list(activities.values()))


async def save_idle_lots(connection: Connection, desk: RedemptionDesk) -> None:
    """New lots that expire by inactivity count from their own grant; most batches have none."""
    await count_from(connection, desk.idle_lots)


def _list(text: str) -> list[tuple[str, int, str]]:
    lots: list[tuple[str, int, str]] = orjson.loads(text)
    return lots
