"""Lots on their way to expiry: finding the due ones, keeping which notices were asked for and given."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.expiry import Warned
from services.redemption.domain.wallet import Wallet
from services.redemption.store.lots import member_columns, read_open_lots
from shared.runtime.postgres import Connection
from shared.runtime.statement import compile_sql

# Wallets that a batch, a request or another sweep holds are left to the next round.
LOCK_EXPIRING_WALLETS = """
    SELECT w.program_id, w.member_id, w.deficit, w.waived, w.closed_at
      FROM wallet w
      JOIN (SELECT DISTINCT program_id, member_id
              FROM (SELECT program_id, member_id FROM lot WHERE expiry_due_at <= service_now()
                       AND (program_id, member_id) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
                     ORDER BY expiry_due_at LIMIT $1) AS earliest) AS due USING (program_id, member_id)
     ORDER BY w.program_id, w.member_id
       FOR UPDATE OF w SKIP LOCKED
"""
# The due lots of the locked wallets, in a statement after the lock, with what their owners were told of their date.
DUE_STEPS = """
    SELECT l.program_id, l.member_id, l.lot_id, l.active_at, service_now() AS now,
           l.last_notice_at IS NOT NULL AS recorded,
           EXISTS (SELECT FROM expiry_notice_lot n
                    WHERE n.lot_id = l.lot_id AND n.expires_at = l.expires_at AND n.days = 30) AS of_30,
           EXISTS (SELECT FROM expiry_notice_lot n
                    WHERE n.lot_id = l.lot_id AND n.expires_at = l.expires_at AND n.days = 7) AS of_7
      FROM unnest($1::text[], $2::text[]) AS m (program_id, member_id),
           LATERAL (SELECT * FROM lot WHERE program_id = m.program_id AND member_id = m.member_id OFFSET 0) AS l
     WHERE l.expiry_due_at <= service_now()
"""
SAVE_STEPS = compile_sql(
    """
    WITH asked AS (
        INSERT INTO expiry_notice (notice_id, program_id, member_id, days, expires_at, points, told_at)
        SELECT n.*, service_now()
          FROM unnest(:n_id::uuid[], :n_program::text[], :n_member::text[], :n_days::integer[],
                      :n_expires_at::timestamptz[], :n_points::bigint[]) AS n
    ), named AS (
        INSERT INTO expiry_notice_lot (lot_id, expires_at, days, notice_id)
        SELECT n.* FROM unnest(:l_lot::uuid[], :l_expires_at::timestamptz[], :l_days::integer[],
                               :l_notice::uuid[]) AS n
    )
    UPDATE lot AS l SET expiry_due_at = s.due_at
      FROM unnest(:lot::uuid[], :due_at::timestamptz[]) AS s (lot_id, due_at),
           LATERAL (SELECT ctid FROM lot WHERE lot_id = s.lot_id OFFSET 0) AS there
     WHERE l.ctid = there.ctid
    """
)
# The first message of a notice counts. Kafka's time of its record, moved as the service's clock is.
RECORD_NOTICES = """
    UPDATE expiry_notice AS n SET message_id = k.message_id, recorded_at = k.at + (service_now() - now())
      FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS k (notice_id, message_id, at)
     WHERE n.notice_id = k.notice_id AND n.recorded_at IS NULL
"""
# Lots of which every notice that was asked for is recorded, the last one, of 7 days, among them.
SETTLE_NOTICES = """
    UPDATE lot AS l SET last_notice_at = done.last, expiry_due_at = lapse(l.expires_at, done.last, l.granted_at)
      FROM (SELECT asked.lot_id, max(given.recorded_at) AS last
              FROM (SELECT DISTINCT lot_id FROM expiry_notice_lot WHERE notice_id = ANY ($1::uuid[])) AS heard,
                   LATERAL (SELECT * FROM lot WHERE lot_id = heard.lot_id OFFSET 0) AS now,
                   LATERAL (SELECT * FROM expiry_notice_lot
                             WHERE lot_id = now.lot_id AND expires_at = now.expires_at OFFSET 0) AS asked,
                   LATERAL (SELECT * FROM expiry_notice WHERE notice_id = asked.notice_id OFFSET 0) AS given
             GROUP BY asked.lot_id
            HAVING bool_and(given.recorded_at IS NOT NULL) AND bool_or(asked.days = 7)) AS done,
           LATERAL (SELECT ctid FROM lot WHERE lot_id = done.lot_id OFFSET 0) AS there
     WHERE l.ctid = there.ctid
"""


class DueLot(NamedTuple):
    """A lot whose next step is due, and what its owner was told of its present date.

    `active_at` is the grant or order that the date counts from, None where points do not expire by inactivity.
    """

    member: Member
    lot_id: UUID
    warned: Warned
    active_at: datetime | None


class DueSteps(NamedTuple):
    """Due lots of locked wallets, as of `now` by the database clock."""

    desk: RedemptionDesk
    lots: Sequence[DueLot]
    now: datetime


async def load_expiring(connection: Connection, lots: int, stuck: Collection[Member]) -> DueSteps | None:
    """Lock the wallets of the earliest due lots, about `lots` of them, none of `stuck`, and read them whole.

    None = nothing is due.
    """
    rows = await connection.fetch(LOCK_EXPIRING_WALLETS, lots, *member_columns(stuck))
    empty = {(row["program_id"], row["member_id"]): Wallet(**dict(row)) for row in rows}
    if not empty:
        return None
    due = await connection.fetch(DUE_STEPS, *member_columns(empty))
    if not due:
        return None
    loaded = await read_open_lots(connection, empty, [row["lot_id"] for row in due])
    named = [
        DueLot(
            (row["program_id"], row["member_id"]),
            row["lot_id"],
            Warned(row["of_30"], row["of_7"], row["recorded"]),
            row["active_at"],
        )
        for row in due
    ]
    return DueSteps(RedemptionDesk(loaded=loaded, wallets=dict(loaded)), named, due[0]["now"])


async def save_steps(connection: Connection, desk: RedemptionDesk, next_due: Mapping[UUID, datetime | None]) -> None:
    """Keep the notices asked for, and when each lot's next step is due; after the desk itself was saved."""
    named = [(notice, lot_id) for notice in desk.notices for lot_id in notice.lots]
    arguments = {
        "n_id": [notice.notice_id for notice in desk.notices],
        "n_program": [notice.member[0] for notice in desk.notices],
        "n_member": [notice.member[1] for notice in desk.notices],
        "n_days": [notice.days for notice in desk.notices],
        "n_expires_at": [notice.expires_at for notice in desk.notices],
        "n_points": [notice.points for notice in desk.notices],
        "l_lot": [lot_id for _, lot_id in named],
        "l_expires_at": [notice.expires_at for notice, _ in named],
        "l_days": [notice.days for notice, _ in named],
        "l_notice": [notice.notice_id for notice, _ in named],
        "lot": list(next_due),
        "due_at": list(next_due.values()),
    }
    await connection.execute(SAVE_STEPS.sql, *SAVE_STEPS.arguments(arguments))


async def save_given_notices(connection: Connection, desk: RedemptionDesk) -> None:
    """Keep which notices a batch's messages gave, under the wallets' locks; most batches have none."""
    if desk.given:
        ids = [each.notice_id for each in desk.given]
        await connection.execute(
            RECORD_NOTICES, ids, [each.message_id for each in desk.given], [each.at for each in desk.given]
        )
        await connection.execute(SETTLE_NOTICES, ids)
