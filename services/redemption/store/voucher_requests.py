"""Vouchers that earning asked for: entered by batches, issued and ended by the sweeper."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Member, RecalledVoucher, RedemptionDesk, RequestedVoucher
from services.redemption.store.lots import member_columns
from services.redemption.store.vouchers import Voucher, read_voucher
from shared.events.cloudevent import uuid_from
from shared.runtime.postgres import Connection

INSERT_REQUESTS = """
    INSERT INTO voucher_request (request_id, event_id, program_id, member_id, offer_id, rule_version, reason,
                                 correlation_id, requested_at, budget_id, cost_minor)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[],
                         $8::text[], $9::timestamptz[], $10::text[], $11::bigint[]) AS r (request_id)
     ORDER BY request_id
    ON CONFLICT (request_id) DO NOTHING
"""
# A second recall of one request changes nothing.
RECALL = """
    UPDATE voucher_request AS r SET state = 'recalled', recall_id = c.recall_id, recalled_at = c.recalled_at
      FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS c (request_id, recall_id, recalled_at)
     WHERE r.request_id = c.request_id AND r.recall_id IS NULL
"""
# Whom a batch or a request holds is left to the next round.
LOCK_TO_DO = """
    SELECT w.program_id, w.member_id, w.closed_at
      FROM wallet w
      JOIN (SELECT DISTINCT program_id, member_id FROM voucher_request
             WHERE state IN ('requested', 'recalled')
               AND (program_id, member_id) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
             LIMIT $1) AS due USING (program_id, member_id)
     ORDER BY w.program_id, w.member_id
       FOR UPDATE OF w SKIP LOCKED
"""
TO_DO = """
    SELECT r.request_id, r.event_id, r.program_id, r.member_id, r.offer_id, r.rule_version, r.correlation_id,
           r.requested_at, r.budget_id, r.recall_id, r.recalled_at, v.voucher_id, m.closed_at
      FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS m (program_id, member_id, closed_at),
           LATERAL (SELECT * FROM voucher_request WHERE program_id = m.program_id AND member_id = m.member_id
                       AND state IN ('requested', 'recalled') FOR UPDATE) AS r
      LEFT JOIN LATERAL (SELECT voucher_id FROM voucher WHERE request_id = r.request_id OFFSET 0) AS v ON true
     ORDER BY r.program_id, r.member_id, r.requested_at, r.request_id
"""
RECALLED = "SELECT request_id, recall_id IS NOT NULL AS recalled FROM voucher_request WHERE request_id = ANY($1)"
RECALL_OF = "SELECT recall_id FROM voucher_request WHERE request_id = $1"
CLOSE = "UPDATE voucher_request SET state = $2 WHERE request_id = $1"


@dataclass(frozen=True, slots=True)
class VoucherToDo:
    """A request that waits: to be issued, or, once `recall_id` is there, to be ended."""

    request_id: UUID
    event_id: str
    program_id: str
    member_id: str
    offer_id: str
    rule_version: int
    correlation_id: str
    requested_at: datetime
    budget_id: str | None
    recall_id: str | None
    recalled_at: datetime | None
    voucher_id: UUID | None  # issued already
    closed_at: datetime | None  # the member's account


async def recalled_already(connection: Connection, request_ids: Sequence[UUID]) -> dict[UUID, bool]:
    """Of the requests that are known."""
    return {row["request_id"]: row["recalled"] for row in await connection.fetch(RECALLED, request_ids)}


async def save_voucher_requests(connection: Connection, desk: RedemptionDesk) -> None:
    """Write what the batch heard of vouchers, in the batch's transaction; most batches heard nothing."""
    if desk.voucher_requests:
        await connection.execute(INSERT_REQUESTS, *_columns(desk.voucher_requests))
    if desk.voucher_recalls:
        recalls: Sequence[RecalledVoucher] = desk.voucher_recalls
        await connection.execute(
            RECALL,
            [recall.request_id for recall in recalls],
            [recall.event_id for recall in recalls],
            [recall.recalled_at for recall in recalls],
        )


async def lock_to_do(connection: Connection, members: int, stuck: Collection[Member]) -> list[VoucherToDo]:
    """The requests of members whose wallets could be locked, about `members` of them and none of `stuck`."""
    locked = await connection.fetch(LOCK_TO_DO, members, *member_columns(stuck))
    columns = [[row[name] for row in locked] for name in ("program_id", "member_id", "closed_at")]
    return [VoucherToDo(**dict(row)) for row in await connection.fetch(TO_DO, *columns)]


async def close_request(connection: Connection, request_id: UUID, state: str) -> None:
    await connection.execute(CLOSE, request_id, state)


async def recall_of(connection: Connection, voucher: Voucher) -> str | None:
    """The event that recalled a given voucher; None for any other."""
    found: str | None = await connection.fetchval(RECALL_OF, voucher.request_id)
    return found


async def voucher_of(connection: Connection, to_do: VoucherToDo) -> Voucher | None:
    return None if to_do.voucher_id is None else await read_voucher(connection, to_do.voucher_id)


def _columns(requests: Sequence[RequestedVoucher]) -> list[list[object]]:
    rows = [
        (
            uuid_from(asked.data.request_id),
            asked.event_id,
            asked.data.program_id,
            asked.data.member_id,
            asked.data.kind,
            asked.data.rule_version,
            asked.data.reason,
            asked.data.correlation_id,
            asked.requested_at,
            asked.data.budget_id,
            None if asked.data.expected_cost is None else asked.data.expected_cost.amount_minor,
        )
        for asked in requests
    ]
    return [list(column) for column in zip(*rows, strict=True)]
