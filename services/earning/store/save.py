"""What a batch decided, as the parameters of the save statement."""

from collections.abc import Iterable
from operator import attrgetter

import orjson

from services.earning.desk import EarningDesk, GrantEntry, ReceiptEntry
from shared.runtime.ledger import pack_headers


def save_arguments(desk: EarningDesk) -> dict[str, object]:
    """Every parameter of `save_statement.PARTS`; rows in the order they were decided in."""
    touched = [receipt for receipt in desk.receipts.values() if receipt.changed]
    new = [receipt for receipt in touched if receipt.revision == 0]
    changed = [receipt for receipt in touched if receipt.revision > 0]
    return {
        **_member_arguments(desk),
        **_waiting_arguments(desk),
        **_receipt_arguments("re", new),
        "re_program": [receipt.program_id for receipt in new],
        "re_merchant": [receipt.merchant_id for receipt in new],
        "re_receipt": [receipt.receipt_id for receipt in new],
        **_receipt_arguments("rc", changed),
        "rc_revision": [receipt.revision for receipt in changed],
        **_line_arguments(touched),
        **_decision_arguments(desk),
        **_grant_arguments(touched),
        **_claim_arguments(desk),
        **_slice_arguments(desk),
    }


def _member_arguments(desk: EarningDesk) -> dict[str, object]:
    keys = sorted(desk.changed_members)
    entries = [desk.members[key] for key in keys]
    return {
        "me_program": [program for program, _ in keys],
        "me_member": [member for _, member in keys],
        "me_registered": [entry.registered_at for entry in entries],
        "me_verified": [entry.phone_verified for entry in entries],
        "me_listed": [entry.listed_party for entry in entries],
    }


def _waiting_arguments(desk: EarningDesk) -> dict[str, object]:
    new = [entry for entry in desk.waiting.values() if entry.new]
    return {
        "wa_key": [entry.event_key for entry in new],
        "wa_hash": [entry.content_hash for entry in new],
        "wa_program": [entry.program_id for entry in new],
        "wa_member": [entry.member_id for entry in new],
        "wa_type": [entry.event_type for entry in new],
        "wa_arrival": [entry.arrival for entry in new],
        "wa_deadline": [entry.deadline for entry in new],
        "wa_record_key": [entry.record_key for entry in new],
        "wa_value": [entry.record_value for entry in new],
        "wa_headers": [pack_headers(entry.headers) for entry in new],
        "wa_sent_on": [entry.sent_on for entry in new],
        "sent_on": [entry.event_key for entry in desk.waiting.values() if entry.goes_on and not entry.new],
        "came_back": [entry.event_key for entry in desk.came_back],
    }


def _receipt_arguments(prefix: str, receipts: list[ReceiptEntry]) -> dict[str, object]:
    return {
        f"{prefix}_key": [receipt.receipt_key for receipt in receipts],
        f"{prefix}_member": [receipt.member_id for receipt in receipts],
        f"{prefix}_event_key": [receipt.event_key for receipt in receipts],
        f"{prefix}_source": [receipt.event_source for receipt in receipts],
        f"{prefix}_event_id": [receipt.event_id for receipt in receipts],
        f"{prefix}_time": [receipt.event_time for receipt in receipts],
        f"{prefix}_outcome": [receipt.outcome for receipt in receipts],
        f"{prefix}_code": [receipt.code for receipt in receipts],
        f"{prefix}_version": [receipt.rule_version for receipt in receipts],
        f"{prefix}_facts": [orjson.dumps(receipt.facts.to_json()).decode() for receipt in receipts],
        f"{prefix}_purchase": [
            None if receipt.purchase is None else receipt.purchase.model_dump_json(exclude_defaults=True)
            for receipt in receipts
        ],
        f"{prefix}_points": [receipt.returned_points_minor for receipt in receipts],
        f"{prefix}_voucher": [receipt.returned_voucher_minor for receipt in receipts],
    }


def _line_arguments(receipts: list[ReceiptEntry]) -> dict[str, object]:
    new = [(receipt, line) for receipt in receipts if receipt.lines_new for line in receipt.lines]
    changed = [
        (receipt.receipt_key, line)
        for receipt in receipts
        if not receipt.lines_new
        for line in receipt.lines
        if line.changed
    ]
    return {
        "li_key": [receipt.receipt_key for receipt, _ in new],
        "li_id": [line.line_id for _, line in new],
        "li_position": [line.position for _, line in new],
        "li_program": [receipt.program_id for receipt, _ in new],
        "li_member": [receipt.member_id for receipt, _ in new],
        "li_sku": [line.sku for _, line in new],
        "li_time": [receipt.event_time for receipt, _ in new],
        "li_quantity": [line.quantity for _, line in new],
        "li_net": [line.net_minor for _, line in new],
        "li_back": [line.refunded_quantity for _, line in new],
        "li_back_net": [line.refunded_net_minor for _, line in new],
        "lc_key": [key for key, _ in changed],
        "lc_id": [line.line_id for _, line in changed],
        "lc_quantity": [line.refunded_quantity for _, line in changed],
        "lc_net": [line.refunded_net_minor for _, line in changed],
    }


def _decision_arguments(desk: EarningDesk) -> dict[str, object]:
    events = [row.delivered.required_event for row in desk.decisions]
    return {
        "de_key": [event.event_key for event in events],
        "de_program": [row.program_id for row in desk.decisions],
        "de_member": [row.member_id for row in desk.decisions],
        "de_type": [event.type for event in events],
        "de_source": [event.source for event in events],
        "de_id": [event.id for event in events],
        "de_time": [event.time for event in events],
        "de_arrival": [row.delivered.arrival for row in desk.decisions],
        "de_outcome": [row.outcome for row in desk.decisions],
        "de_code": [row.code for row in desk.decisions],
        "de_would": [row.would_have_earned for row in desk.decisions],
        "de_receipt": [row.receipt_key for row in desk.decisions],
        "de_correlation": [row.correlation_id for row in desk.decisions],
    }


def _grant_arguments(receipts: list[ReceiptEntry]) -> dict[str, object]:
    new = [(receipt, grant) for receipt in receipts for grant in receipt.grants if grant.new]
    changed = [grant for receipt in receipts for grant in receipt.grants if grant.changed and not grant.new]
    return {
        "gr_id": [grant.grant_id for _, grant in new],
        "gr_event": [grant.event_key for _, grant in new],
        "gr_receipt": [receipt.receipt_key for receipt, _ in new],
        "gr_program": [receipt.program_id for receipt, _ in new],
        "gr_member": [receipt.member_id for receipt, _ in new],
        "gr_class": [grant.points_class for _, grant in new],
        "gr_budget": [grant.budget_id for _, grant in new],
        "gr_points": [grant.points for _, grant in new],
        "gr_clawed": [grant.clawed_back for _, grant in new],
        "gr_cost": [grant.cost_minor for _, grant in new],
        "gr_cost_back": [grant.cost_returned_minor for _, grant in new],
        "gr_lines": [_grant_lines(grant) for _, grant in new],
        "gr_version": [grant.rule_version for _, grant in new],
        "gr_time": [grant.event_time for _, grant in new],
        "gr_available": [grant.available_at for _, grant in new],
        "gr_expires": [grant.expires_at for _, grant in new],
        "gr_correlation": [grant.correlation_id for _, grant in new],
        "gc_id": [grant.grant_id for grant in changed],
        "gc_clawed": [grant.clawed_back for grant in changed],
        "gc_cost": [grant.cost_returned_minor for grant in changed],
        "gc_lines": [_grant_lines(grant) for grant in changed],
        "gc_available": [grant.available_at for grant in changed],
    }


def _grant_lines(grant: GrantEntry) -> str:
    return orjson.dumps(grant.lines).decode()


def _claim_arguments(desk: EarningDesk) -> dict[str, object]:
    claims = [claim for listed in desk.claims.values() for claim in listed]
    new = [claim for claim in claims if claim.new]
    changed = [claim for claim in claims if claim.changed and not claim.new]
    return {
        **_columns("cb", desk.claw_backs, {
            "id": "claw_back_id", "grant": "grant_id", "event": "event_key", "program": "program_id",
            "member": "member_id", "refund": "refund_id", "points": "points", "cost": "cost_minor",
        }),
        **_columns("cl", new, {
            "id": "claim_id", "event": "refund.event_key", "source": "refund.source", "event_id": "refund.event_id",
            "refund": "refund.refund_id", "program": "program_id", "member": "member_id", "receipt": "receipt_key",
            "time": "refund.time", "index": "claim.index", "line": "claim.line_id", "sku": "claim.sku",
            "quantity": "claim.quantity", "net": "claim.net_minor", "points": "refund.points_minor",
            "voucher": "refund.voucher_minor", "settled": "settled_by",
        }),
        "cl_state": ["open" if claim.settled_by is None else "settled" for claim in new],
        "cc_id": [claim.claim_id for claim in changed],
        "cc_settled": [claim.settled_by for claim in changed],
    }  # fmt: skip


def _slice_arguments(desk: EarningDesk) -> dict[str, object]:
    moved = sorted((key, entry.spent_minor) for key, entry in desk.slices.items() if entry.spent_minor)
    return {
        "sl_program": [program for (program, _), _ in moved],
        "sl_budget": [budget for (_, budget), _ in moved],
        "sl_spent": [spent for _, spent in moved],
    }


def _columns(prefix: str, rows: Iterable[object], attributes: dict[str, str]) -> dict[str, object]:
    listed = list(rows)
    return {
        f"{prefix}_{name}": [attrgetter(attribute)(row) for row in listed] for name, attribute in attributes.items()
    }
