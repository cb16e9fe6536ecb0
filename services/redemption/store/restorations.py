"""Spent points given back: what is still out of a redemption, and writing what went back."""

from collections.abc import Sequence
from uuid import UUID

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.lot import Lot, LotPoints
from services.redemption.domain.restore import Spent
from services.redemption.store.lots import read_named_lots
from shared.runtime.postgres import Connection
from shared.runtime.statement import compile_sql

# What each lot paid for some redemptions and has not got back yet.
STILL_OUT = """
    SELECT a.redemption_id, a.lot_id, l.grant_id, a.points - coalesce(
               (SELECT sum(s.points) FROM restored_share AS s
                 WHERE s.redemption_id = a.redemption_id AND s.lot_id = a.lot_id), 0)::bigint AS points
      FROM unnest($1::uuid[]) AS k (redemption_id),
           LATERAL (SELECT * FROM allocation WHERE redemption_id = k.redemption_id OFFSET 0) AS a,
           LATERAL (SELECT grant_id FROM lot WHERE lot_id = a.lot_id OFFSET 0) AS l
"""
# A child inherits from its parent all that says where its points come from; its cost is its share of the grant's.
OPEN_CHILD_LOTS = compile_sql(
    """
    INSERT INTO lot (lot_id, child_of, grant_id, program_id, member_id, class, points, remaining, held, reserved,
                     redeemed, clawed_back, set_off, expired, forfeited, passed_on, posted_state, available_at,
                     expires_at, granted_at, expected_cost_minor, currency, budget_id, rule_version, granted_event_id,
                     correlation_id, causation_id, source_type, source_id, merchant_id, receipt_id, other_member_id,
                     expiry_due_at)
    SELECT c.lot_id, p.lot_id, p.grant_id, p.program_id, p.member_id, p.class, c.points, c.remaining, c.held,
           c.reserved, c.redeemed, c.clawed_back, c.set_off, c.expired, c.forfeited, c.passed_on, 'available',
           c.available_at, c.expires_at, c.granted_at, div(p.expected_cost_minor::numeric * c.points, p.points),
           p.currency, p.budget_id, p.rule_version, p.granted_event_id, p.correlation_id, p.causation_id,
           p.source_type, p.source_id, p.merchant_id, p.receipt_id, p.other_member_id, notice_due(c.expires_at, 30)
      FROM unnest(:lot::uuid[], :parent::uuid[], :points::bigint[], :remaining::bigint[], :held::bigint[],
                  :reserved::bigint[], :redeemed::bigint[], :clawed_back::bigint[], :set_off::bigint[],
                  :expired::bigint[], :forfeited::bigint[], :passed_on::bigint[], :available_at::timestamptz[],
                  :expires_at::timestamptz[], :granted_at::timestamptz[])
           AS c (lot_id, parent, points, remaining, held, reserved, redeemed, clawed_back, set_off, expired, forfeited,
                 passed_on, available_at, expires_at, granted_at),
           LATERAL (SELECT * FROM lot WHERE lot_id = c.parent OFFSET 0) AS p
    """
)
SAVE_RESTORATIONS = compile_sql(
    """
    WITH given_back AS (
        INSERT INTO restoration (restoration_id, redemption_id, program_id, member_id, points, reason, cause_id,
                                 restored_at)
        SELECT r.* FROM unnest(:id::uuid[], :redemption::uuid[], :program::text[], :member::text[], :points::bigint[],
                               :reason::text[], :cause::text[], :at::timestamptz[]) AS r
    )
    INSERT INTO restored_share (restoration_id, redemption_id, lot_id, to_lot_id, points)
    SELECT s.* FROM unnest(:s_id::uuid[], :s_redemption::uuid[], :s_lot::uuid[], :s_to::uuid[],
                           :s_points::bigint[]) AS s
    """
)


async def read_spent(
    connection: Connection, desk: RedemptionDesk, member: Member, redemptions: Sequence[UUID]
) -> dict[UUID, Spent]:
    """What is still out of the member's redemptions; adds their lots to the desk, which holds the wallet's lock."""
    rows = await connection.fetch(STILL_OUT, redemptions)
    desk.load_more(member, await read_named_lots(connection, [row["lot_id"] for row in rows]))
    shares: dict[UUID, list[LotPoints]] = {redemption_id: [] for redemption_id in redemptions}
    for row in rows:
        if row["points"]:
            shares[row["redemption_id"]].append(LotPoints(row["lot_id"], row["grant_id"], row["points"]))
    return {redemption_id: Spent(redemption_id, tuple(each)) for redemption_id, each in shares.items()}


async def open_child_lots(connection: Connection, desk: RedemptionDesk) -> None:
    """Write the child lots that returned points went to, as the desk leaves them; most desks have none."""
    lots = _child_lots(desk)
    if lots:
        arguments = {
            "lot": [lot.lot_id for lot in lots],
            "parent": [lot.child_of for lot in lots],
            "points": [lot.points for lot in lots],
            "remaining": [lot.remaining for lot in lots],
            "held": [lot.held for lot in lots],
            "reserved": [lot.reserved for lot in lots],
            "redeemed": [lot.redeemed for lot in lots],
            "clawed_back": [lot.clawed_back for lot in lots],
            "set_off": [lot.set_off for lot in lots],
            "expired": [lot.expired for lot in lots],
            "forfeited": [lot.forfeited for lot in lots],
            "passed_on": [lot.passed_on for lot in lots],
            "available_at": [lot.available_at for lot in lots],
            "expires_at": [lot.expires_at for lot in lots],
            "granted_at": [lot.granted_at for lot in lots],
        }
        await connection.execute(OPEN_CHILD_LOTS.sql, *OPEN_CHILD_LOTS.arguments(arguments))


async def save_restorations(connection: Connection, desk: RedemptionDesk) -> None:
    """Write which points went back where; most desks have none."""
    made = desk.restorations
    if made:
        shares = [(each, share) for each in made for share in each.restored.shares]
        arguments = {
            "id": [each.restoration_id for each in made],
            "redemption": [each.redemption_id for each in made],
            "program": [each.member[0] for each in made],
            "member": [each.member[1] for each in made],
            "points": [each.restored.points for each in made],
            "reason": [each.reason for each in made],
            "cause": [each.cause_id for each in made],
            "at": [each.restored_at for each in made],
            "s_id": [each.restoration_id for each, _ in shares],
            "s_redemption": [each.redemption_id for each, _ in shares],
            "s_lot": [share.paid_by for _, share in shares],
            "s_to": [share.to_lot.lot_id for _, share in shares],
            "s_points": [share.points for _, share in shares],
        }
        await connection.execute(SAVE_RESTORATIONS.sql, *SAVE_RESTORATIONS.arguments(arguments))


def _child_lots(desk: RedemptionDesk) -> list[Lot]:
    lots = (
        desk.wallets[each.member].lots[share.to_lot.lot_id]
        for each in desk.restorations
        for share in each.restored.shares
        if share.to_lot.lot_id != share.paid_by
    )
    return sorted(lots, key=lambda lot: lot.lot_id)
