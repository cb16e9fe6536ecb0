"""`purchase.delivered`: an online order reached the member, so its return window begins to run."""

from datetime import timedelta
from typing import cast

from services.earning.decide.decline import GRANTS, SOURCE, decide
from services.earning.decide.route import forward_if_misplaced, require_program, wait_for_turn
from services.earning.desk import EarningDesk, GrantEntry, ReceiptEntry, reference
from shared.events.cloudevent import Rejected, derived_id
from shared.events.keys import member_key
from shared.events.points_scheduled import PointsScheduled
from shared.events.purchase_delivered import PurchaseDelivered
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate, outgoing_event


def on_purchase_delivered(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Schedule the receipt's grants that wait for delivery; a second delivery changes nothing."""
    event = delivered.required_event
    delivery = cast(PurchaseDelivered, event.data)
    require_program(desk, delivery.program_id)
    receipt = desk.receipt(delivery.program_id, delivery.merchant_id, delivery.receipt_id)
    member_id = delivery.member_id if receipt is None or receipt.purchase is None else receipt.member_id
    if member_id is not None:
        key = member_key(delivery.program_id, member_id)
        if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
            return fate
        if (fate := wait_for_turn(delivered, desk, delivery.program_id, member_id)) is not None:
            return fate
    if receipt is None or receipt.purchase is None:
        raise Rejected(
            ReasonCode.NO_QUALIFYING_TRANSACTION,
            f"Receipt {delivery.receipt_id} of {delivery.merchant_id} is not known; replay this delivery once its "
            "purchase has arrived.",
            (),
        )
    waiting = [grant for grant in receipt.grants if grant.available_at is None]
    for grant in waiting:
        _schedule(delivered, delivery, receipt, grant, desk)
    receipt.changed = receipt.changed or bool(waiting)
    correlation = f"{receipt.event_source}#{receipt.event_id}"
    outcome = "scheduled" if waiting else "nothing_to_schedule"
    decide(delivered, desk, outcome, receipt_key=receipt.receipt_key, correlation_id=correlation)
    return Fate.APPLIED


def _schedule(
    delivered: Delivered,
    delivery: PurchaseDelivered,
    receipt: ReceiptEntry,
    grant: GrantEntry,
    desk: EarningDesk,
) -> None:
    event, member_id = delivered.required_event, receipt.member_id or ""
    window = desk.compiled[receipt.program_id, grant.rule_version].pack.return_window_days
    available_at = delivery.delivered_at + timedelta(days=window)
    grant.available_at, grant.changed = available_at, True
    told = PointsScheduled(
        program_id=receipt.program_id,
        member_id=member_id,
        causation_id=reference(event),
        correlation_id=grant.correlation_id,
        rule_version=grant.rule_version,
        grant_id=str(grant.grant_id),
        available_at=available_at,
    )
    event_id = derived_id(event.source, event.id, f"scheduled/{grant.grant_id}")
    key = member_key(receipt.program_id, member_id)
    desk.emit(outgoing_event(GRANTS, key, event_id, SOURCE, member_id, event.time, told))
