"""Receipts in a save, with their lines, decisions and grants: the rows that every purchase writes."""

from collections.abc import Iterable
from functools import lru_cache

import orjson

from services.earning.desk import DecisionRow, EarningDesk, GrantEntry, ReceiptEntry
from services.earning.domain.facts import EarnFacts
from services.earning.store.save_counted import written_uses
from services.earning.store.save_deeds import deed_grants, grant_lines
from shared.runtime.statement import maybe_microseconds, microseconds

_NO_DECISION = (None, 0)
_NO_GRANT = (None,) * 10


def receipt_arguments(desk: EarningDesk) -> dict[str, object]:
    """The parameters of receipts, lines, decisions and grants, the last two whatever they are of."""
    touched = [receipt for receipt in desk.receipts.values() if receipt.changed]
    new = [receipt for receipt in touched if receipt.revision == 0]
    changed = [receipt for receipt in touched if receipt.revision > 0]
    decisions = {row.delivered.required_event.event_key: row for row in desk.decisions}
    return {
        "receipts": [
            _new_receipt_row(receipt, None if (key := receipt.event_key) is None else decisions.pop(key))
            for receipt in new
        ],
        "changed_receipts": [(*_receipt_row(receipt), receipt.counted_minor) for receipt in changed],
        "changed_key": [receipt.receipt_key for receipt in changed],
        "changed_revision": [receipt.revision for receipt in changed],
        **_line_arguments(touched),
        "decisions": [_decision_row(row) for row in decisions.values()],
        "grants": [
            *(_grant_row(receipt, grant) for receipt in new for grant in receipt.grants[1:]),
            *(_grant_row(receipt, grant) for receipt in changed for grant in receipt.grants if grant.new),
        ],
        **_changed_grant_arguments(touched, deed_grants(desk)),
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
        written_uses(receipt.cap_uses),
    )


def _new_receipt_row(receipt: ReceiptEntry, decision: DecisionRow | None) -> tuple[object, ...]:
    """With its purchase's decision and first grant, which it shares event, member and rule version with."""
    decided = (
        _NO_DECISION if decision is None else (microseconds(decision.delivered.arrival), decision.would_have_earned)
    )
    granted = _granted(receipt.grants[0]) if receipt.grants else _NO_GRANT
    return *_receipt_row(receipt), *decided, *granted, receipt.counted_minor


def _granted(grant: GrantEntry) -> tuple[object, ...]:
    return (
        grant.grant_id,
        grant.points_class,
        grant.budget_id,
        grant.points,
        grant.clawed_back,
        grant.cost_minor,
        grant.cost_returned_minor,
        grant_lines(grant),
        maybe_microseconds(grant.available_at),
        maybe_microseconds(grant.expires_at),
    )


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


def _changed_grant_arguments(receipts: list[ReceiptEntry], others: Iterable[GrantEntry]) -> dict[str, object]:
    changed = [grant for receipt in receipts for grant in receipt.grants if grant.changed and not grant.new]
    changed.extend(grant for grant in others if grant.changed and not grant.new)
    return {
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
