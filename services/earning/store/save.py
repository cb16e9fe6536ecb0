"""What a batch decided, as the parameters of the save statement."""

from collections.abc import Iterable
from operator import attrgetter

import orjson

from services.earning.desk import EarningDesk
from services.earning.store.save_counted import counted_arguments
from services.earning.store.save_deeds import deed_arguments
from services.earning.store.save_occasions import occasion_arguments
from services.earning.store.save_receipts import receipt_arguments
from services.earning.store.save_tiers import tier_arguments
from shared.runtime.ledger import pack_headers


def save_arguments(desk: EarningDesk) -> dict[str, object]:
    """Every parameter of `save_statement.PARTS`; rows in the order they were decided in."""
    return {
        **_member_arguments(desk),
        **_waiting_arguments(desk),
        **receipt_arguments(desk),
        **deed_arguments(desk),
        **occasion_arguments(desk),
        **_claim_arguments(desk),
        **_slice_arguments(desk),
        **counted_arguments(desk),
        **tier_arguments(desk),
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
        "me_first_order": [entry.first_order for entry in entries],
        "me_referral": [None if entry.referral is None else entry.referral.referral_key for entry in entries],
        "me_birthday": [entry.birth_month_day for entry in entries],
        "me_closed": [entry.closed_at for entry in entries],
        "me_organisation": [entry.organisation_id for entry in entries],
        "me_segments": [orjson.dumps(sorted(entry.segments)).decode() if entry.segments else None for entry in entries],
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


def _claim_arguments(desk: EarningDesk) -> dict[str, object]:
    claims = [claim for listed in desk.claims.values() for claim in listed]
    new = [claim for claim in claims if claim.new]
    changed = [claim for claim in claims if claim.changed and not claim.new]
    return {
        **_columns("cb", desk.claw_backs, {
            "id": "claw_back_id", "grant": "grant_id", "event": "event_key", "program": "program_id",
            "member": "member_id", "refund": "refund_id", "points": "points", "cost": "cost_minor",
        }),
        **_columns("te", desk.tender_refunds, {
            "id": "tender_refund_id", "event": "event_key", "receipt": "receipt_key", "program": "program_id",
            "member": "member_id", "authorization": "authorization_id", "refund": "refund_id",
            "amount": "amount_minor",
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
