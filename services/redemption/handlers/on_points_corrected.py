"""points.corrected: two operators agreed on a credit; it becomes a lot like a grant."""

from services.redemption.desk import RedemptionDesk
from services.redemption.handlers.on_points_granted import open_granted
from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.correction_requested import CorrectionRequested
from shared.events.points_corrected import PointsCorrected
from shared.events.points_granted import GrantSource, PointsGranted
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_points_corrected(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Open the credit's lot, available at once. A debit is a dead letter: earning sends none yet."""
    event = delivered.required_event
    corrected = event.data
    assert isinstance(corrected, PointsCorrected)  # noqa: S101 - the runtime chooses the handler by this type
    return open_granted(event, _as_grant(event, corrected), desk)


def _as_grant(event: CloudEvent, corrected: PointsCorrected) -> PointsGranted:
    """Its source is the correction that earning decided on."""
    if corrected.points <= 0 or not (corrected.grant_id and corrected.points_class and corrected.expected_cost):
        raise Rejected(
            ReasonCode.PART_NOT_BUILT,
            f"Correction {corrected.correction_id} is no credit with its grant, class and cost; debits are not built.",
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
