"""`referral.qualified`: an invitee's first order earned, so the inviter is rewarded: once, and one level up only."""

from typing import cast

from services.earning.decide.count import facts_of_caps, note_used
from services.earning.decide.decline import decide, grant_source, tell_declined
from services.earning.decide.reward import Deed, issue_reward
from services.earning.decide.route import forward_if_misplaced, require_own, require_program, wait_for_turn
from services.earning.deeds import RewardEntry, key_of_referral
from services.earning.desk import EarningDesk, MemberEntry
from services.earning.domain.earn_referral import earn_referral
from services.earning.domain.licence import refusal_by_licence
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.events.referral_qualified import ReferralQualified
from shared.runtime.batch import Delivered, Fate


def on_referral_qualified(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Reward the inviter, or say why not; an inviter not registered yet has the grace of everybody (C01)."""
    qualified = cast(ReferralQualified, delivered.required_event.data)
    require_own(delivered)
    require_program(desk, qualified.program_id)
    key = member_key(qualified.program_id, qualified.member_id)
    if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, qualified.program_id, qualified.member_id)) is not None:
        return fate
    reward = desk.reward(qualified.program_id, qualified.invitee_id)
    member = desk.members.get((qualified.program_id, qualified.member_id))
    code = _refusal(qualified, member, reward)
    if reward is None:
        reward = _enter(qualified, desk)
    if reward.event_key is None:
        reward.event_key, reward.changed = delivered.required_event.event_key, True
    if code is None:
        code = _issue(delivered, qualified, reward, desk)
    if code is None:
        _decide_granted(delivered, qualified, member, desk)
    else:
        _decline(delivered, qualified, desk, code)
    return Fate.APPLIED


def _refusal(qualified: ReferralQualified, member: MemberEntry | None, reward: RewardEntry | None) -> ReasonCode | None:
    if reward is not None:  # its reversal overtook it, or it was told under another id
        return ReasonCode.NO_QUALIFYING_TRANSACTION if reward.event_key is None else ReasonCode.DUPLICATE_EARN
    if member is None or not member.phone_verified or not member.is_open_at(qualified.qualified_at):
        return ReasonCode.ISSUE_TO_UNSPECIFIED
    if member.listed_party:
        return ReasonCode.LISTED_PARTY
    if member.referral is not None and member.referral.inviter_id == qualified.invitee_id:
        return ReasonCode.SELF_REFERRAL  # the two invited each other
    return None


def _enter(qualified: ReferralQualified, desk: EarningDesk) -> RewardEntry:
    key = key_of_referral(qualified.program_id, qualified.invitee_id)
    reward = RewardEntry(key, qualified.program_id, qualified.member_id, qualified.invitee_id)
    desk.rewards[key] = reward
    return reward


def _issue(
    delivered: Delivered, qualified: ReferralQualified, reward: RewardEntry, desk: EarningDesk
) -> ReasonCode | None:
    """Judged by the version that judged the order, which is in force at its time."""
    event = delivered.required_event
    version = desk.programs.in_force(qualified.program_id, qualified.qualified_at)
    program = None if version is None else desk.compiled[qualified.program_id, version.version]
    if program is None or earn_referral("inviter", program) is None:
        return ReasonCode.NO_QUALIFYING_TRANSACTION
    reward.facts = facts_of_caps(desk, program, qualified.member_id, qualified.qualified_at)
    if (award := earn_referral("inviter", program, reward.facts)) is None:
        return ReasonCode.CAP_REACHED
    if (unlicensed := refusal_by_licence(program.pack, qualified.qualified_at)) is not None:
        return unlicensed
    deed = Deed(
        program=program,
        member_id=qualified.member_id,
        event_key=event.event_key,
        event_source=event.source,
        source=grant_source(delivered).model_copy(update={"other_member_id": qualified.invitee_id}),
        time=qualified.qualified_at,
        correlation_id=qualified.correlation_id,
    )
    reward.grant = issue_reward(deed, award, desk)
    if reward.grant is None:
        return ReasonCode.BUDGET_EXHAUSTED
    reward.outcome = "granted"
    reward.cap_uses = note_used(desk, program, qualified.member_id, qualified.qualified_at, [award])
    return None


def _decide_granted(
    delivered: Delivered, qualified: ReferralQualified, member: MemberEntry | None, desk: EarningDesk
) -> None:
    """Whoever invited the inviter gets nothing for it, and is told so (C10)."""
    above = None if member is None or member.referral is None else member.referral.inviter_id
    depth = None if above is None else ReasonCode.REFERRAL_DEPTH_EXCEEDED
    correlation = qualified.correlation_id
    if depth is not None:
        source = grant_source(delivered).model_copy(update={"other_member_id": qualified.invitee_id})
        tell_declined(delivered, desk, depth, correlation_id=correlation, source=source, other_member_id=above)
    decide(delivered, desk, "granted", code=depth, correlation_id=correlation)


def _decline(delivered: Delivered, qualified: ReferralQualified, desk: EarningDesk, code: ReasonCode) -> None:
    source = grant_source(delivered).model_copy(update={"other_member_id": qualified.invitee_id})
    tell_declined(delivered, desk, code, source=source, correlation_id=qualified.correlation_id)
    decide(delivered, desk, "declined", code=code, correlation_id=qualified.correlation_id)
