"""Falsified authorizations, restorations and refunds of bills that points paid; each statement as in corruptions.py."""

from tests.integration.audit.corruption import Corruption, corruption

TILL_CORRUPTIONS: tuple[Corruption, ...] = (
    corruption(
        "a refunded bill that its authorization forgot",
        "authorizations",
        """UPDATE redemption.point_authorization SET refunded_minor = refunded_minor - 5
            WHERE refunded_minor > 0 RETURNING authorization_id""",
        """UPDATE redemption.point_authorization SET refunded_minor = refunded_minor + 5
            WHERE authorization_id = '{hit}'""",
        ("redemption.point_authorization", "given_back_in_proportion"),
    ),
    corruption(
        "reserved points that nobody authorized",
        ("authorizations", "lots and journal"),
        """UPDATE redemption.lot SET remaining = remaining - 1, reserved = reserved + 1
            WHERE lot_id = (SELECT min(lot_id::text)::uuid FROM redemption.authorization_share) RETURNING lot_id""",
        "UPDATE redemption.lot SET remaining = remaining + 1, reserved = reserved - 1 WHERE lot_id = '{hit}'",
    ),
    corruption(
        "points given back that were never spent",
        ("restorations",),
        """INSERT INTO redemption.restored_share (restoration_id, redemption_id, lot_id, to_lot_id, points)
           SELECT gen_random_uuid(), redemption_id, lot_id, lot_id, points FROM redemption.allocation
            ORDER BY points LIMIT 1 RETURNING restoration_id""",
        "DELETE FROM redemption.restored_share WHERE restoration_id = '{hit}'",
    ),
    corruption(
        "a lot that passed points on to nobody",
        ("restorations", "lots and journal", "points equation"),
        """UPDATE redemption.lot SET remaining = remaining - 1, passed_on = 1
            WHERE lot_id = (SELECT min(lot_id::text)::uuid FROM redemption.authorization_share) RETURNING lot_id""",
        "UPDATE redemption.lot SET remaining = remaining + 1, passed_on = 0 WHERE lot_id = '{hit}'",
    ),
    corruption(
        "a refund of points that earning never told",
        ("hand-over", "one effect per event"),
        """INSERT INTO redemption.tender_refund
           SELECT gen_random_uuid(), authorization_id, program_id, member_id, refund_id, amount_minor, 0, NULL, told_at
             FROM redemption.tender_refund LIMIT 1 RETURNING tender_refund_id""",
        "DELETE FROM redemption.tender_refund WHERE tender_refund_id = '{hit}'",
    ),
    corruption(
        "points of a refunded bill that were not told back",
        "hand-over",
        """UPDATE earning.receipt SET returned_points_minor = returned_points_minor - 1
            WHERE returned_points_minor > 0 RETURNING receipt_key""",
        """UPDATE earning.receipt SET returned_points_minor = returned_points_minor + 1
            WHERE receipt_key = '{hit}'""",
    ),
)
