"""A debit by correction: earning decides that it is owed, once; redemption takes it from what can be spent.

It draws on no budget and gives none back: the money of points that are taken away was spent when they were issued.
"""

from uuid import UUID

from services.earning.decide.decline import GRANTS, SOURCE
from services.earning.desk import EarningDesk, reference
from services.earning.domain.program import CompiledProgram
from services.earning.occasions import OccasionEntry, key_of_correction
from shared.events.cloudevent import derived_id
from shared.events.correction_requested import CorrectionRequested
from shared.events.keys import member_key
from shared.events.points_corrected import PointsCorrected
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, outgoing_event


def id_of_debit(requested_id: str) -> UUID:
    """Of the event that tells redemption; it follows from the correction's own, so it is known at the approval."""
    return derived_id(SOURCE, requested_id, "debit")


def book_debit(
    delivered: Delivered, asked: CorrectionRequested, program: CompiledProgram, desk: EarningDesk
) -> ReasonCode | None:
    """Why it is not owed, or None: then it is on the desk and told.

    Neither the age of the event, nor a licence, nor the party's list stands against taking back.
    """
    event, key = delivered.required_event, key_of_correction(asked.program_id, asked.correction_id)
    if (asked.program_id, asked.member_id) not in desk.members:
        return ReasonCode.ISSUE_TO_UNSPECIFIED
    if key in desk.occasions.entries:
        return ReasonCode.DUPLICATE_EARN
    desk.occasions.put(
        OccasionEntry(
            occasion_key=key,
            program_id=asked.program_id,
            member_id=asked.member_id,
            kind="correction",
            event_key=event.event_key,
            event_time=event.time,
            outcome="debited",
            rule_version=program.version,
        )
    )
    told = PointsCorrected(
        program_id=asked.program_id,
        member_id=asked.member_id,
        causation_id=reference(event),
        correlation_id=asked.correlation_id,
        rule_version=program.version,
        correction_id=asked.correction_id,
        points=asked.points,
        budget_id=asked.budget_id,
        reason=asked.reason,
        evidence=asked.evidence,
        requested_by=asked.requested_by,
        approved_by=asked.approved_by,
        may_leave_deficit=asked.may_leave_deficit,
    )
    to = member_key(asked.program_id, asked.member_id)
    desk.emit(outgoing_event(GRANTS, to, id_of_debit(event.id), SOURCE, asked.member_id, event.time, told))
    return None
