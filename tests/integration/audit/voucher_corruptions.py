"""Falsified vouchers and benefits; each statement as in corruptions.py."""

from tests.integration.audit.corruption import Corruption, corruption

_GIVEN = (
    "(SELECT min(voucher_id::text)::uuid FROM redemption.voucher WHERE request_id IS NOT NULL AND state = 'issued')"
)

VOUCHER_CORRUPTIONS: tuple[Corruption, ...] = (
    corruption(
        "a voucher used that no till took",
        "vouchers and benefits",
        f"UPDATE redemption.voucher SET state = 'used' WHERE voucher_id = {_GIVEN} RETURNING voucher_id",  # noqa: S608
        "UPDATE redemption.voucher SET state = 'issued' WHERE voucher_id = '{hit}'",
    ),
    corruption(
        "a voucher of other terms than were asked for",
        "vouchers and benefits",
        f"UPDATE redemption.voucher SET offer_id = 'better' WHERE voucher_id = {_GIVEN} RETURNING request_id",  # noqa: S608
        """UPDATE redemption.voucher SET offer_id =
           (SELECT offer_id FROM redemption.voucher_request WHERE request_id = '{hit}') WHERE request_id = '{hit}'""",
    ),
    corruption(
        "a voucher cheaper in redemption's books than in the budget's",
        "hand-over",
        """UPDATE redemption.voucher_request SET cost_minor = cost_minor - 1
            WHERE request_id = (SELECT min(request_id::text)::uuid FROM redemption.voucher_request)
            RETURNING request_id""",
        "UPDATE redemption.voucher_request SET cost_minor = cost_minor + 1 WHERE request_id = '{hit}'",
    ),
    corruption(
        "a voucher that no budget paid",
        ("budgets", "hand-over"),
        """UPDATE earning.referral SET voucher_cost_minor = voucher_cost_minor - 1 WHERE voucher_request_id =
           (SELECT min(voucher_request_id::text)::uuid FROM earning.referral) RETURNING voucher_request_id""",
        "UPDATE earning.referral SET voucher_cost_minor = voucher_cost_minor + 1 WHERE voucher_request_id = '{hit}'",
    ),
    corruption(
        "a benefit that its budget never paid",
        "vouchers and benefits",
        """INSERT INTO redemption.benefit_budget (program_id, budget_id, approved_minor, used_minor)
           VALUES ('fruit-shop', 'corrupt', 10, 10) RETURNING budget_id""",
        "DELETE FROM redemption.benefit_budget WHERE budget_id = '{hit}'",
    ),
)
