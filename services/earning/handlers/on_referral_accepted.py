"""`referral.accepted`: the invitee names the inviter; both are rewarded with the invitee's first order (C10)."""

from typing import cast

from services.earning.decide.decline import decide, grant_source, tell_declined
from services.earning.decide.referral import qualify
from services.earning.decide.route import forward_if_misplaced, require_program, wait_for_turn
from services.earning.deeds import ReferralEntry, key_of_referral
from services.earning.desk import EarningDesk, MemberKey
from services.earning.domain.eligibility import refusal_of_member
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.events.referral_accepted import ReferralAccepted
from shared.runtime.batch import Delivered, Fate


def on_referral_accepted(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Link the two; if the first order is there already, this is what it waited for."""
    accepted = cast(ReferralAccepted, delivered.required_event.data)
    program_id, invitee = accepted.program_id, (accepted.program_id, accepted.invitee_id)
    require_program(desk, program_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*invitee))) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, program_id, accepted.invitee_id)) is not None:
        return fate
    code = _refusal(delivered, accepted, desk)
    if code is not None:
        _decline(delivered, accepted, desk, code)
        return Fate.APPLIED
    _link(delivered, accepted, invitee, desk)
    return Fate.APPLIED


def _refusal(delivered: Delivered, accepted: ReferralAccepted, desk: EarningDesk) -> ReasonCode | None:
    event = delivered.required_event
    version = desk.programs.in_force(accepted.program_id, event.time)
    if version is None:
        return ReasonCode.PROGRAM_NOT_IN_FORCE
    if accepted.inviter_id == accepted.invitee_id:
        return ReasonCode.SELF_REFERRAL
    member = desk.members.get((accepted.program_id, accepted.invitee_id))
    if member is not None and member.referral is not None:
        return ReasonCode.DUPLICATE_EARN
    return refusal_of_member(
        event_time=event.time,
        arrival=delivered.arrival,
        registered=member is not None and member.is_open_at(event.time),
        listed=member is not None and member.listed_party,
        pack=version.pack,
    )


def _link(delivered: Delivered, accepted: ReferralAccepted, invitee: MemberKey, desk: EarningDesk) -> None:
    event, member = delivered.required_event, desk.members[invitee]
    referral = ReferralEntry(
        referral_key=key_of_referral(*invitee),
        program_id=accepted.program_id,
        invitee_id=accepted.invitee_id,
        inviter_id=accepted.inviter_id,
        event_key=event.event_key,
        event_source=event.source,
        event_id=event.id,
        event_time=event.time,
        changed=True,
    )
    member.referral = referral
    desk.changed_members.add(invitee)
    if member.first_order is None:
        decide(delivered, desk, "linked")
        return
    receipt = desk.receipts[member.first_order]
    code = qualify(referral, member, receipt, desk)
    if code is None:
        decide(delivered, desk, "linked" if referral.grant is None else "granted")
    else:
        _decline(delivered, accepted, desk, code)


def _decline(delivered: Delivered, accepted: ReferralAccepted, desk: EarningDesk, code: ReasonCode) -> None:
    source = grant_source(delivered).model_copy(update={"other_member_id": accepted.inviter_id})
    tell_declined(delivered, desk, code, source=source)
    decide(delivered, desk, "declined", code=code)
