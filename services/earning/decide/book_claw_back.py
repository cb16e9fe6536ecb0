"""One claw-back booked: grant, budget, row and event."""

from services.earning.decide.decline import GRANTS, SOURCE
from services.earning.decide.tiers import note_progress
from services.earning.desk import ClawBackRow, EarningDesk, GrantEntry, MemberKey, RefundReference
from services.earning.domain.claw_back import ClawBack, Granted, GrantedLine
from shared.events.cloudevent import derived_id
from shared.events.fields import ClawBackPolicy
from shared.events.keys import member_key
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_granted import GrantLine
from shared.runtime.batch import outgoing_event


def granted_of(grant: GrantEntry) -> Granted:
    """The grant as the domain reads it."""
    return Granted(
        grant.grant_id,
        grant.points_class,
        grant.budget_id,
        grant.cost_minor,
        tuple(
            GrantedLine(line.line_id, line.points, line.clawed_back, tuple(rule for rule, _ in line.rules))
            for line in grant.lines
        ),
    )


def book_claw_back(
    member: MemberKey,
    grant: GrantEntry,
    taking: ClawBack,
    refund: RefundReference,
    policy: ClawBackPolicy,
    desk: EarningDesk,
) -> None:
    """Take the points off the member's grant because of `refund`, a refund, rejection or reversal."""
    program_id, member_id = member
    by_line = {line.line_id: line for line in grant.lines}
    for part in taking.lines:
        by_line[part.line_id].clawed_back += part.points
    grant.clawed_back += taking.points
    grant.cost_returned_minor += taking.cost_minor
    grant.changed = True
    desk.give_back((program_id, grant.budget_id), taking.cost_minor)
    judged_by = desk.compiled[program_id, grant.rule_version]
    note_progress(desk, judged_by, member_id, grant.event_time, points=-taking.points)
    claw_back_id = derived_id(refund.source, refund.event_id, f"claw_back/{grant.grant_id}")
    desk.claw_backs.append(
        ClawBackRow(
            claw_back_id,
            grant.grant_id,
            refund.event_key,
            program_id,
            member_id,
            refund.refund_id,
            taking.points,
            taking.cost_minor,
        )
    )
    told = PointsClawedBack(
        program_id=program_id,
        member_id=member_id,
        causation_id=f"{refund.source}#{refund.event_id}",
        correlation_id=grant.correlation_id,
        rule_version=grant.rule_version,
        grant_id=str(grant.grant_id),
        points=taking.points,
        refund_id=refund.refund_id,
        policy=policy,
        cost_minor=taking.cost_minor,
        lines=tuple(
            GrantLine(line_id=part.line_id, sku=by_line[part.line_id].sku, points=part.points) for part in taking.lines
        ),
    )
    key = member_key(program_id, member_id)
    desk.emit(outgoing_event(GRANTS, key, claw_back_id, SOURCE, member_id, refund.time, told))
