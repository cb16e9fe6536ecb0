"""points.corrected: two operators agreed on a credit, which becomes a lot like a grant, or on a debit."""

from uuid import UUID

from services.redemption.desk import BookedDebit, RedemptionDesk
from services.redemption.domain.debit_by_correction import CorrectedDown, debit_by_correction
from services.redemption.handlers.on_points_granted import open_granted
from services.redemption.outcomes import cause_of, emit
from services.redemption.post_clock import post_clock
from shared.events.cloudevent import CloudEvent, Rejected, derived_id
from shared.events.correction_requested import CorrectionRequested
from shared.events.points_corrected import PointsCorrected
from shared.events.points_debited import PointsDebited
from shared.events.points_granted import GrantSource, PointsGranted
from shared.events.points_redeemed import Allocation
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_points_corrected(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Open the credit's lot, available at once; or take a debit from the spendable points.

    Earning decided that the debit is owed; whether the member has it only the wallet knows. What it cannot pay is
    refused here, as a whole, kept and told.
    """
    event = delivered.required_event
    corrected = event.data
    assert isinstance(corrected, PointsCorrected)  # noqa: S101 - the runtime chooses the handler by this type
    if corrected.points > 0:
        return open_granted(event, _as_grant(event, corrected), desk)
    if corrected.points == 0:
        raise Rejected(ReasonCode.MALFORMED, f"Correction {corrected.correction_id} corrects nothing.")
    return _take(event, corrected, desk)


def _as_grant(event: CloudEvent, corrected: PointsCorrected) -> PointsGranted:
    """Its source is the correction that earning decided on."""
    if not (corrected.grant_id and corrected.points_class and corrected.expected_cost):
        raise Rejected(
            ReasonCode.MALFORMED,
            f"Correction {corrected.correction_id} is a credit without its grant, class or cost; ask earning why.",
        )
    return PointsGranted(
        program_id=corrected.program_id,
        member_id=corrected.member_id,
        causation_id=corrected.causation_id,
        correlation_id=corrected.correlation_id,
        rule_version=corrected.rule_version,
        grant_id=corrected.grant_id,
        points=corrected.points,
        points_class=corrected.points_class,
        source=GrantSource(type=CorrectionRequested.TYPE, id=corrected.causation_id.rpartition("#")[2]),
        available_at=event.time,
        expires_at=corrected.expires_at,
        budget_id=corrected.budget_id,
        expected_cost=corrected.expected_cost,
    )


def _take(event: CloudEvent, corrected: PointsCorrected, desk: RedemptionDesk) -> Fate:
    member = (corrected.program_id, corrected.member_id)
    debit_id = _id(event.id)
    if debit_id in desk.known_debits:
        return Fate.DUPLICATE
    post_clock(desk, [member])
    down = debit_by_correction(desk.wallet(member), debit_id, -corrected.points, corrected.may_leave_deficit)
    desk.keep(member, down.wallet_after)
    desk.known_debits.add(debit_id)
    desk.debits.append(BookedDebit(member, corrected.correction_id, event.time, down))
    cause = cause_of(event)
    desk.post(member, down.movements, cause)
    emit(desk, derived_id(event.source, event.id, "points.debited"), cause, _told(event, corrected, down))
    return Fate.APPLIED


def _id(event_id: str) -> UUID:
    try:
        return UUID(event_id)
    except ValueError:
        raise Rejected(
            ReasonCode.MALFORMED, f"The debit's event id {event_id} is no UUID; earning derives one from its cause."
        ) from None


def _told(event: CloudEvent, corrected: PointsCorrected, down: CorrectedDown) -> PointsDebited:
    return PointsDebited(
        program_id=corrected.program_id,
        member_id=corrected.member_id,
        causation_id=event.id,
        correlation_id=corrected.correlation_id,
        rule_version=corrected.rule_version,
        debit_id=str(down.debit_id),
        correction_id=corrected.correction_id,
        asked=down.asked,
        points=down.points,
        allocations=tuple(
            Allocation(lot_id=str(share.lot_id), grant_id=str(share.grant_id), points=share.points)
            for share in down.taken
        ),
        balance_before=down.wallet_before.spendable,
        balance_after=down.wallet_after.spendable,
        deficit_before=down.wallet_before.deficit,
        deficit_after=down.wallet_after.deficit,
        code=None if down.code is None else down.code.value,
    )
