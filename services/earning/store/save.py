"""What a batch decided, as the parameters of the save statement."""

from collections.abc import Iterable
from functools import lru_cache
from operator import attrgetter

import orjson

from services.earning.desk import DecisionRow, EarningDesk, GrantEntry, ReceiptEntry
from services.earning.domain.facts import EarnFacts
from services.earning.store.save_counted import counted_arguments
from services.earning.store.save_deeds import deed_arguments, deed_grants, grant_lines
from services.earning.store.save_occasions import occasion_arguments
from services.earning.store.save_tiers import tier_arguments
from shared.runtime.ledger import pack_headers
from shared.runtime.statement import maybe_microseconds, microseconds


def save_arguments(desk: EarningDesk) -> dict[str, object]:
    """Every parameter of `save_statement.PARTS`; rows in the order they were decided in."""
    touched = [receipt for receipt in desk.receipts.values() if receipt.changed]
    new = [receipt for receipt in touched if receipt.revision == 0]
    changed = [receipt for receipt in touched if receipt.revision > 0]
    return {
        **_member_arguments(desk),
        **_waiting_arguments(desk),
        "receipts": [_receipt_row(receipt) for receipt in new],
        "changed_receipts": [_receipt_row(receipt) for receipt in changed],
        "changed_key": [receipt.receipt_key for receipt in changed],
        "changed_revision": [receipt.revision for receipt in changed],
        **_line_arguments(touched),
        "decisions": [_decision_row(row) for row in desk.decisions],
        **_grant_arguments(touched, deed_grants(desk)),
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


def _receipt_row(receipt: ReceiptEntry) -> tuple[object, ...]:
    return (
        receipt.receipt_key,
        receipt.program_id,
        receipt.merchant_id,
        receipt.receipt_id,
        receipt.member_id,
        receipt.event_key,
        receipt.event_source,
        receipt.event_id,
        maybe_microseconds(receipt.event_time),
        receipt.outcome,
        receipt.code,
        receipt.rule_version,
        _facts(receipt.facts),
        receipt.purchase_json,
        receipt.returned_points_minor,
        receipt.returned_voucher_minor,
        _cap_uses(receipt),
    )


def _cap_uses(receipt: ReceiptEntry) -> str | None:
    uses = receipt.cap_uses
    return orjson.dumps([[*use, points] for use, points in sorted(uses.items())]).decode() if uses else None


def _facts(facts: EarnFacts) -> str:
    # counters differ from event to event; without them most events of a day have the same facts
    return _written(facts) if facts.left else _remembered(facts)


@lru_cache(maxsize=1000)
def _remembered(facts: EarnFacts) -> str:
    return _written(facts)


def _written(facts: EarnFacts) -> str:
    return orjson.dumps(facts.to_json()).decode()


def _line_arguments(receipts: list[ReceiptEntry]) -> dict[str, object]:
    changed = [
        (receipt.receipt_key, line)
        for receipt in receipts
        if not receipt.lines_new
        for line in receipt.lines
        if line.changed
    ]
    return {
        "lines": [row for receipt in receipts if receipt.lines_new for row in _line_rows(receipt)],
        "lc_key": [key for key, _ in changed],
        "lc_id": [line.line_id for _, line in changed],
        "lc_quantity": [line.refunded_quantity for _, line in changed],
        "lc_net": [line.refunded_net_minor for _, line in changed],
    }


def _line_rows(receipt: ReceiptEntry) -> list[tuple[object, ...]]:
    key, program_id, member_id = receipt.receipt_key, receipt.program_id, receipt.member_id
    time = maybe_microseconds(receipt.event_time)
    return [
        (
            key,
            line.line_id,
            line.position,
            program_id,
            member_id,
            line.sku,
            time,
            line.quantity,
            line.net_minor,
            line.refunded_quantity,
            line.refunded_net_minor,
        )
        for line in receipt.lines
    ]


def _decision_row(row: DecisionRow) -> tuple[object, ...]:
    event = row.delivered.required_event
    return (
        event.event_key,
        row.program_id,
        row.member_id,
        event.type,
        event.source,
        event.id,
        microseconds(event.time),
        microseconds(row.delivered.arrival),
        row.outcome,
        row.code,
        row.would_have_earned,
        row.receipt_key,
        row.correlation_id,
    )


def _grant_arguments(receipts: list[ReceiptEntry], others: Iterable[GrantEntry]) -> dict[str, object]:
    changed = [grant for receipt in receipts for grant in receipt.grants if grant.changed and not grant.new]
    changed.extend(grant for grant in others if grant.changed and not grant.new)
    return {
        "grants": [_grant_row(receipt, grant) for receipt in receipts for grant in receipt.grants if grant.new],
        "gc_id": [grant.grant_id for grant in changed],
        "gc_clawed": [grant.clawed_back for grant in changed],
        "gc_cost": [grant.cost_returned_minor for grant in changed],
        "gc_lines": [grant_lines(grant) for grant in changed],
        "gc_available": [grant.available_at for grant in changed],
    }


def _grant_row(receipt: ReceiptEntry, grant: GrantEntry) -> tuple[object, ...]:
    return (
        grant.grant_id,
        grant.event_key,
        receipt.receipt_key,
        receipt.program_id,
        receipt.member_id,
        grant.points_class,
        grant.budget_id,
        grant.points,
        grant.clawed_back,
        grant.cost_minor,
        grant.cost_returned_minor,
        grant_lines(grant),
        grant.rule_version,
        microseconds(grant.event_time),
        maybe_microseconds(grant.available_at),
        maybe_microseconds(grant.expires_at),
        grant.correlation_id,
    )


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
