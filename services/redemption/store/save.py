"""Everything a desk has decided, as one statement."""

from uuid import UUID

from services.redemption.desk import OpenedLot, Posting, RedemptionDesk
from services.redemption.domain.lot import Lot
from services.redemption.store.authorizations import save_authorizations
from services.redemption.store.holds import save_holds
from services.redemption.store.restorations import open_child_lots, save_restorations
from shared.events.points_granted import PointsGranted
from shared.runtime.gate import BATCH_GATE
from shared.runtime.ledger import BATCH_PARTS, OUTBOX_PART, outbox_arguments
from shared.runtime.postgres import Connection
from shared.runtime.statement import Part, gated_statement, maybe_microseconds, microseconds

# What left a lot's remaining points, in the order of the columns below.
_MOVED, _MOVED_END = Lot._fields.index("reserved"), Lot._fields.index("passed_on")
_NOTHING_MOVED = (0,) * (_MOVED_END - _MOVED)
_WALLET_PARTS = (
    Part(
        "opened_wallets",
        """
        INSERT INTO wallet (program_id, member_id)
        SELECT program_id, member_id
          FROM gate, unnest(:open_program::text[], :open_member::text[]) AS w (program_id, member_id)
         ORDER BY program_id, member_id
        ON CONFLICT DO NOTHING
        """,
    ),
    Part(
        "changed_wallets",
        """
        INSERT INTO wallet AS w (program_id, member_id, deficit, waived, open_holds)
        SELECT program_id, member_id, deficit, waived, more_holds
          FROM gate, unnest(:owing_program::text[], :owing_member::text[], :owing_deficit::bigint[],
                            :owing_waived::bigint[], :owing_more_holds::integer[])
                     AS c (program_id, member_id, deficit, waived, more_holds)
         ORDER BY program_id, member_id
        ON CONFLICT (program_id, member_id) DO UPDATE SET deficit = excluded.deficit, waived = excluded.waived,
           open_holds = w.open_holds + excluded.open_holds
        """,
    ),
    Part(
        "opened_lots",
        """
        INSERT INTO lot (lot_id, grant_id, program_id, member_id, class, points, remaining, reserved, redeemed,
                         clawed_back, set_off, expired, forfeited, recalled, held, posted_state, available_at,
                         expires_at, granted_at, expected_cost_minor, currency, budget_id, rule_version,
                         granted_event_id, correlation_id, causation_id, source_type, source_id, merchant_id,
                         receipt_id, other_member_id, expiry_due_at)
        SELECT lot_id, coalesce(grant_id, lot_id), program_id, member_id, class, points, remaining,
               coalesce(moved[1], 0), coalesce(moved[2], 0), coalesce(moved[3], 0), coalesce(moved[4], 0),
               coalesce(moved[5], 0), coalesce(moved[6], 0), coalesce(moved[7], 0), coalesce(moved[8], 0),
               posted_state, instant(available_at), instant(expires_at), instant(granted_at), expected_cost_minor,
               currency, budget_id, rule_version, granted_event_id, correlation_id, causation_id, source_type,
               source_id, merchant_id, receipt_id, other_member_id, notice_due(instant(expires_at), 30)
          FROM gate, unnest(:new_lots::opened_lot_row[])
         ORDER BY lot_id
        """,
    ),
    Part(
        "changed_lots",
        """
        UPDATE lot AS l
           SET remaining = c.remaining, reserved = c.reserved, redeemed = c.redeemed, clawed_back = c.clawed_back,
               set_off = c.set_off, expired = c.expired, forfeited = c.forfeited, recalled = c.recalled,
               posted_state = c.posted_state, available_at = c.available_at, held = c.held, expires_at = c.expires_at,
               passed_on = c.passed_on,
               -- points that come back, or another date: the sweeper looks again at what the lot owes
               last_notice_at = CASE WHEN c.expires_at IS NOT DISTINCT FROM l.expires_at THEN l.last_notice_at END,
               expiry_due_at = CASE WHEN c.remaining > l.remaining OR c.expires_at IS DISTINCT FROM l.expires_at
                                    THEN notice_due(c.expires_at, 30) ELSE l.expiry_due_at END
          FROM gate, unnest(
              :lot::uuid[], :lot_remaining::bigint[], :lot_reserved::bigint[], :lot_redeemed::bigint[],
              :lot_clawed_back::bigint[], :lot_set_off::bigint[], :lot_expired::bigint[], :lot_forfeited::bigint[],
              :lot_recalled::bigint[], :lot_posted::text[], :lot_available_at::timestamptz[],
              :lot_held::bigint[], :lot_expires_at::timestamptz[], :lot_passed_on::bigint[])
              AS c (lot_id, remaining, reserved, redeemed, clawed_back, set_off, expired, forfeited, recalled,
                    posted_state, available_at, held, expires_at, passed_on),
               LATERAL (SELECT ctid FROM lot WHERE lot_id = c.lot_id OFFSET 0) AS there
         WHERE l.ctid = there.ctid
        RETURNING 1
        """,
        expects="lot",
    ),
    Part(
        "journal_rows",
        """
        INSERT INTO journal (program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type,
                             cause_key, cause_id, business_time, posted_at, row_hash)
        SELECT program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type, cause_key,
               cause_id, business_time, posted_at,
               journal_hash(program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type,
                            cause_key, cause_id, business_time, posted_at)
          FROM gate, (SELECT service_now() AS posted_at) AS clock,
               (SELECT place, program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type,
                       cause_key, cause_id, instant(business_time) AS business_time
                  FROM unnest(:moves::posting_row[])
                 UNION ALL
                SELECT place, program_id, member_id, lot_id, coalesce(grant_id, lot_id), 'issued', opened_as, points,
                       :opened_by, cause_key, granted_event_id, instant(granted_at)
                  FROM unnest(:new_lots::opened_lot_row[])) AS j
         ORDER BY place
        """,
    ),
    Part(
        "claw_back_rows",
        """
        INSERT INTO claw_back (claw_back_id, grant_id, program_id, member_id, refund_id, policy, points, taken,
                               set_off, already_gone, deficit, waived, clawed_at)
        SELECT c.*
          FROM gate, unnest(
              :c_id::uuid[], :c_grant::uuid[], :c_program::text[], :c_member::text[], :c_refund::text[],
              :c_policy::text[], :c_points::bigint[], :c_taken::bigint[], :c_set_off::bigint[],
              :c_already_gone::bigint[], :c_deficit::bigint[], :c_waived::bigint[], :c_time::timestamptz[])
              AS c (claw_back_id)
         ORDER BY c.claw_back_id
        """,
    ),
)
_REDEMPTION_PARTS = (
    Part(
        "redemption_rows",
        """
        INSERT INTO redemption (redemption_id, program_id, member_id, points, idempotency_key, body_hash, reason,
                                requested_at, available_before)
        SELECT r.*
          FROM gate, unnest(
              :r_id::uuid[], :r_program::text[], :r_member::text[], :r_points::bigint[], :r_key::text[],
              :r_body::bytea[], :r_reason::text[], :r_time::timestamptz[], :r_before::bigint[]) AS r
        """,
    ),
    Part(
        "allocation_rows",
        """
        INSERT INTO allocation (redemption_id, lot_id, points)
        SELECT a.* FROM gate, unnest(:a_redemption::uuid[], :a_lot::uuid[], :a_points::bigint[]) AS a
        """,
    ),
)

SAVE_BATCH = gated_statement(BATCH_GATE, (*BATCH_PARTS, *_WALLET_PARTS))
# Requests and sweeps hold the wallets' locks: their gate always stands open.
SAVE_UNDER_LOCK = gated_statement((Part("gate", "SELECT 1"),), (OUTBOX_PART, *_WALLET_PARTS, *_REDEMPTION_PARTS))


async def save_batch(connection: Connection, desk: RedemptionDesk, posted: dict[str, object]) -> bool:
    """Write the batch behind its gate, `posted` being the runtime's arguments; False when the gate was shut."""
    arguments = {**posted, **_wallet_arguments(desk)}
    return bool(await connection.fetchval(SAVE_BATCH.sql, *SAVE_BATCH.arguments(arguments)))


async def save_under_lock(connection: Connection, desk: RedemptionDesk) -> None:
    """Write what a request or a sweep decided, in the transaction that locked its wallets.

    Child lots come first, for what the same request spends of them, and holds that bound of them last.
    """
    await open_child_lots(connection, desk)
    arguments = {**outbox_arguments(desk.outbox), **_wallet_arguments(desk), **_redemption_arguments(desk)}
    await connection.execute(SAVE_UNDER_LOCK.sql, *SAVE_UNDER_LOCK.arguments(arguments))
    await save_restorations(connection, desk)
    await save_authorizations(connection, desk)
    await save_holds(connection, desk)


def _wallet_arguments(desk: RedemptionDesk) -> dict[str, object]:
    owing = desk.changed_wallets()
    opened = desk.members - desk.loaded.keys() - {(w.program_id, w.member_id) for w in owing}
    return {
        "open_program": [program for program, _ in opened],
        "open_member": [member for _, member in opened],
        "owing_program": [wallet.program_id for wallet in owing],
        "owing_member": [wallet.member_id for wallet in owing],
        "owing_deficit": [wallet.deficit for wallet in owing],
        "owing_waived": [wallet.waived for wallet in owing],
        "owing_more_holds": [desk.more_open_holds(wallet) for wallet in owing],
        "new_lots": [_lot_row(desk, lot_id, opened) for lot_id, opened in desk.opened.items()],
        **_changed_lots(desk),
        "opened_by": PointsGranted.TYPE,
        "moves": [_posting_row(row) for row in desk.postings],
        **_claw_back_rows(desk),
    }


def _lot_row(desk: RedemptionDesk, lot_id: UUID, opened: OpenedLot) -> tuple[object, ...]:
    """A lot of an event of this very batch has moved no points as a rule, and is its grant's first lot."""
    grant, event = opened.granted, opened.event
    lot = desk.wallets[grant.program_id, grant.member_id].lots[lot_id]
    moved = lot[_MOVED:_MOVED_END]
    source, cost = grant.source, grant.expected_cost
    return (
        opened.place,
        opened.opened_as,
        event.event_key,
        lot_id,
        None if lot.grant_id is lot_id else lot.grant_id,
        grant.program_id,
        grant.member_id,
        grant.points_class,
        lot.points,
        lot.remaining,
        None if moved == _NOTHING_MOVED else list(moved),
        lot.posted,
        maybe_microseconds(lot.available_at),
        maybe_microseconds(lot.expires_at),
        microseconds(lot.granted_at),
        cost.amount_minor,
        cost.currency,
        grant.budget_id,
        grant.rule_version,
        event.id,
        grant.correlation_id,
        grant.causation_id,
        source.type,
        source.id,
        source.merchant_id,
        source.receipt_id,
        source.other_member_id,
    )


def _changed_lots(desk: RedemptionDesk) -> dict[str, object]:
    lots = desk.changed_lots()
    return {
        "lot": [lot.lot_id for lot in lots],
        "lot_remaining": [lot.remaining for lot in lots],
        "lot_reserved": [lot.reserved for lot in lots],
        "lot_redeemed": [lot.redeemed for lot in lots],
        "lot_clawed_back": [lot.clawed_back for lot in lots],
        "lot_set_off": [lot.set_off for lot in lots],
        "lot_expired": [lot.expired for lot in lots],
        "lot_forfeited": [lot.forfeited for lot in lots],
        "lot_recalled": [lot.recalled for lot in lots],
        "lot_posted": [lot.posted for lot in lots],
        "lot_available_at": [lot.available_at for lot in lots],
        "lot_held": [lot.held for lot in lots],
        "lot_expires_at": [lot.expires_at for lot in lots],
        "lot_passed_on": [lot.passed_on for lot in lots],
    }


def _posting_row(row: Posting) -> tuple[object, ...]:
    place, (program_id, member_id), movement, cause = row
    return (
        place,
        program_id,
        member_id,
        movement.lot_id,
        movement.grant_id,
        movement.from_account,
        movement.to_account,
        movement.points,
        cause.type,
        cause.key,
        cause.id,
        microseconds(cause.time),
    )


def _claw_back_rows(desk: RedemptionDesk) -> dict[str, object]:
    rows = [(settled, settled.outcome) for settled in desk.claw_backs]
    return {
        "c_id": [settled.claw_back_id for settled, _ in rows],
        "c_grant": [outcome.grant_id for _, outcome in rows],
        "c_program": [settled.member[0] for settled, _ in rows],
        "c_member": [settled.member[1] for settled, _ in rows],
        "c_refund": [settled.refund_id for settled, _ in rows],
        "c_policy": [outcome.policy for _, outcome in rows],
        "c_points": [outcome.points for _, outcome in rows],
        "c_taken": [outcome.taken for _, outcome in rows],
        "c_set_off": [outcome.set_off for _, outcome in rows],
        "c_already_gone": [outcome.already_gone for _, outcome in rows],
        "c_deficit": [outcome.deficit for _, outcome in rows],
        "c_waived": [outcome.waived for _, outcome in rows],
        "c_time": [settled.clawed_at for settled, _ in rows],
    }


def _redemption_arguments(desk: RedemptionDesk) -> dict[str, object]:
    rows = [(spending.request, spending) for spending in desk.redemptions]
    allocations = [(request.redemption_id, share) for request, made in rows for share in made.debit.allocations]
    return {
        "r_id": [request.redemption_id for request, _ in rows],
        "r_program": [request.member[0] for request, _ in rows],
        "r_member": [request.member[1] for request, _ in rows],
        "r_points": [request.points for request, _ in rows],
        "r_key": [request.idempotency_key for request, _ in rows],
        "r_body": [request.body_hash for request, _ in rows],
        "r_reason": [request.reason for request, _ in rows],
        "r_time": [made.requested_at for _, made in rows],
        "r_before": [made.debit.spendable_before for _, made in rows],
        "a_redemption": [redemption_id for redemption_id, _ in allocations],
        "a_lot": [share.lot_id for _, share in allocations],
        "a_points": [share.points for _, share in allocations],
    }
