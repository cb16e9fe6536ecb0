"""`referral.reversed`: the order that qualified came back whole, so the inviter's reward goes back with it."""

from typing import cast

from services.earning.decide.book_claw_back import book_claw_back, granted_of
from services.earning.decide.count import give_back_of_reward
from services.earning.decide.decline import decide
from services.earning.decide.route import forward_if_misplaced, require_own, require_program
from services.earning.deeds import RewardEntry, key_of_referral
from services.earning.desk import EarningDesk, RefundReference
from services.earning.domain.claw_back import claw_back_to
from shared.events.keys import member_key
from shared.events.referral_reversed import ReferralReversed
from shared.runtime.batch import Delivered, Fate


def on_referral_reversed(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Take the reward back. One that is not there yet (it waits for a registration) is remembered and never given."""
    told = cast(ReferralReversed, delivered.required_event.data)
    require_own(delivered)
    require_program(desk, told.program_id)
    member = (told.program_id, told.member_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*member))) is not None:
        return fate
    event = delivered.required_event
    reward = desk.reward(told.program_id, told.invitee_id)
    if reward is None:
        key = key_of_referral(told.program_id, told.invitee_id)
        reward = desk.rewards[key] = RewardEntry(key, told.program_id, told.member_id, told.invitee_id)
    reward.reversal_key, reward.outcome, reward.changed = event.event_key, "reversed", True
    if reward.grant is None:
        decide(delivered, desk, "nothing_to_take", correlation_id=told.correlation_id)
        return Fate.APPLIED
    policy = desk.compiled[told.program_id, reward.grant.rule_version].pack.claw_back_policy
    reference = RefundReference(event.event_key, event.source, event.id, told.refund_id, event.time, None, None)
    takings = claw_back_to([granted_of(reward.grant)], ())
    for taking in takings:
        book_claw_back(member, reward.grant, taking, reference, policy, desk)
    give_back_of_reward(reward, desk)
    outcome = "clawed_back" if takings else "nothing_to_take"
    decide(delivered, desk, outcome, correlation_id=told.correlation_id)
    return Fate.APPLIED
