"""Reading lots; what the clock says of them is always `lot_state`'s answer."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

import asyncpg

from services.redemption.desk import Member
from services.redemption.domain.lot import Lot, LotState, Origin
from services.redemption.domain.wallet import Wallet
from shared.runtime.postgres import Connection

_COLUMNS = """
    l.program_id, l.member_id, l.lot_id, l.grant_id, l.points, l.remaining, l.reserved, l.redeemed, l.clawed_back,
    l.set_off, l.expired, l.forfeited, l.recalled, l.posted_state, l.available_at, l.expires_at, l.granted_at,
    l.granted_event_id, l.correlation_id, l.rule_version, l.held, l.passed_on, l.child_of,
    lapses_at(l) AS lapses_at, lot_state(l, service_now()) AS state"""

# The wallets' open lots (points in them may be held), and the lots named by id whatever is left of them.
OPEN_LOTS = f"""
    SELECT {_COLUMNS}
      FROM unnest($1::text[], $2::text[]) AS m (program_id, member_id),
           LATERAL (SELECT * FROM lot WHERE program_id = m.program_id AND member_id = m.member_id
                       AND (remaining > 0 OR held > 0) OFFSET 0) AS l
    UNION ALL
    SELECT {_COLUMNS}
      FROM unnest($3::uuid[]) AS k (lot_id), LATERAL (SELECT * FROM lot WHERE lot_id = k.lot_id OFFSET 0) AS l
"""  # noqa: S608 - the columns are ours

NAMED_LOTS = f"""
    SELECT {_COLUMNS}
      FROM unnest($1::uuid[]) AS k (lot_id), LATERAL (SELECT * FROM lot WHERE lot_id = k.lot_id OFFSET 0) AS l
"""  # noqa: S608 - the columns are ours

CHILD_LOTS = f"""
    SELECT {_COLUMNS}
      FROM unnest($1::uuid[]) AS k (grant_id),
           LATERAL (SELECT * FROM lot WHERE grant_id = k.grant_id AND child_of IS NOT NULL OFFSET 0) AS l
"""  # noqa: S608 - the columns are ours

# Lots to post as available; in a wallet with a deficit every open lot, for what matures repays it.
DUE_LOTS = f"""
    SELECT {_COLUMNS}
      FROM unnest($1::text[], $2::text[], $3::boolean[]) AS m (program_id, member_id, owing)
      JOIN lot l USING (program_id, member_id)
     WHERE (l.posted_state = 'pending' AND l.available_at <= service_now()) OR (m.owing AND l.remaining > 0)
"""  # noqa: S608 - the columns are ours


async def read_open_lots(
    connection: Connection, wallets: Mapping[Member, Wallet], named: Sequence[UUID] = ()
) -> dict[Member, Wallet]:
    """The locked wallets with their open lots, and with those of `named` that are theirs and their children.

    Must follow the lock in a statement of its own: an earlier snapshot would miss what the lock waited for.
    """
    rows = await connection.fetch(OPEN_LOTS, *member_columns(wallets), list(named))
    if with_children := [row["grant_id"] for row in rows if row["passed_on"] and row["lot_id"] in named]:
        rows += await connection.fetch(CHILD_LOTS, with_children)
    return _filled(wallets, rows)


async def read_due_lots(connection: Connection, wallets: Mapping[Member, Wallet]) -> dict[Member, Wallet]:
    """The locked wallets with the lots that the clock has made available."""
    owing = [wallet.deficit > 0 for wallet in wallets.values()]
    rows = await connection.fetch(DUE_LOTS, *member_columns(wallets), owing)
    return _filled(wallets, rows)


async def read_named_lots(connection: Connection, named: Sequence[UUID]) -> list[Lot]:
    """Lots of locked wallets, whatever is left of them."""
    return [_lot(row) for row in await connection.fetch(NAMED_LOTS, named)]


def member_columns(members: Collection[Member]) -> tuple[list[str], list[str]]:
    """Programs and members, as two arrays for unnest."""
    return [program for program, _ in members], [member for _, member in members]


def _filled(wallets: Mapping[Member, Wallet], rows: Iterable[asyncpg.Record]) -> dict[Member, Wallet]:
    lots: dict[Member, list[Lot]] = {member: [] for member in wallets}
    for row in rows:
        member = (row["program_id"], row["member_id"])
        if member in lots:
            lots[member].append(_lot(row))
    return {member: wallet.with_lots(lots[member]) for member, wallet in wallets.items()}


def _lot(row: asyncpg.Record) -> Lot:
    return Lot(
        lot_id=row["lot_id"],
        grant_id=row["grant_id"],
        points=row["points"],
        remaining=row["remaining"],
        posted=LotState(row["posted_state"]),
        state=LotState(row["state"]),
        granted_at=row["granted_at"],
        available_at=row["available_at"],
        expires_at=row["expires_at"],
        origin=Origin(row["granted_event_id"], row["correlation_id"], row["rule_version"]),
        lapses_at=row["lapses_at"],
        reserved=row["reserved"],
        redeemed=row["redeemed"],
        clawed_back=row["clawed_back"],
        set_off=row["set_off"],
        expired=row["expired"],
        forfeited=row["forfeited"],
        recalled=row["recalled"],
        held=row["held"],
        passed_on=row["passed_on"],
        child_of=row["child_of"],
    )
