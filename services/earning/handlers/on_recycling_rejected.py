"""`recycling.rejected`: items of a drop were found wrong; what they earned goes back, also if the drop comes later."""

from typing import cast

from services.earning.decide.decline import decide, tell_declined
from services.earning.decide.reject_drop import reject_items
from services.earning.decide.route import (
    end_wait,
    forward_if_misplaced,
    queue_behind,
    require_program,
    wait_for_turn,
)
from services.earning.deeds import DropEntry, RejectionEntry, key_of_drop
from services.earning.desk import EarningDesk, RefundReference
from services.earning.domain.rejection import rejected_item
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.events.recycling_rejected import RecyclingRejected
from shared.runtime.batch import Delivered, Fate


def on_recycling_rejected(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Claw back, decline, or keep the rejection open until its drop arrives."""
    rejected = cast(RecyclingRejected, delivered.required_event.data)
    require_program(desk, rejected.program_id)
    key = member_key(rejected.program_id, rejected.member_id)
    if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
        return fate
    drop = desk.drop(rejected.program_id, rejected.drop_id)
    if drop is not None and drop.collected is not None:
        return _of_known_drop(delivered, rejected, drop, desk)
    if (fate := wait_for_turn(delivered, desk, rejected.program_id, rejected.member_id)) is not None:
        return fate
    _keep_open(delivered, rejected, drop, desk)
    return Fate.APPLIED


def _of_known_drop(delivered: Delivered, rejected: RecyclingRejected, drop: DropEntry, desk: EarningDesk) -> Fate:
    if (fate := end_wait(delivered, desk)) is not None:
        return fate
    if drop.member_id != rejected.member_id:
        _decline(delivered, drop, ReasonCode.REFUND_MEMBER_MISMATCH, desk)
        return Fate.APPLIED
    if (fate := queue_behind(delivered, desk, rejected.program_id, rejected.member_id)) is not None:
        return fate
    _reject(delivered, rejected, drop, desk)
    return Fate.APPLIED


def _reject(delivered: Delivered, rejected: RecyclingRejected, drop: DropEntry, desk: EarningDesk) -> None:
    entry = _entry(delivered, rejected)
    drop.rejections.append(entry)
    before = list(drop.rejected)
    taken, too_much = reject_items(drop, entry, desk)
    over = ReasonCode.OVER_REFUND if too_much else None
    if over is not None:
        tell_declined(delivered, desk, over, correlation_id=drop.correlation_id)
    outcome = "clawed_back" if taken else "declined" if over and drop.rejected == before else "nothing_to_take"
    decide(delivered, desk, outcome, code=over, correlation_id=drop.correlation_id)


def _keep_open(delivered: Delivered, rejected: RecyclingRejected, awaited: DropEntry | None, desk: EarningDesk) -> None:
    """Leave the drop's row, so that the drop sees the rejection whoever handles it."""
    drop = awaited or DropEntry(
        key_of_drop(rejected.program_id, rejected.drop_id),
        rejected.program_id,
        rejected.drop_id,
        rejected.station_id,
        rejected.member_id,
    )
    drop.rejections.append(_entry(delivered, rejected))
    drop.changed = True
    desk.drops[drop.drop_key] = drop
    code = ReasonCode.REFUND_WITHOUT_PURCHASE
    tell_declined(delivered, desk, code)
    decide(delivered, desk, "open_claim", code=code)


def _entry(delivered: Delivered, rejected: RecyclingRejected) -> RejectionEntry:
    event = delivered.required_event
    return RejectionEntry(
        RefundReference(event.event_key, event.source, event.id, event.id, event.time, None, None),
        rejected.program_id,
        rejected.member_id,
        [rejected_item(item) for item in rejected.items],
        new=True,
    )


def _decline(delivered: Delivered, drop: DropEntry, code: ReasonCode, desk: EarningDesk) -> None:
    tell_declined(delivered, desk, code, correlation_id=drop.correlation_id)
    decide(delivered, desk, "declined", code=code, correlation_id=drop.correlation_id)
