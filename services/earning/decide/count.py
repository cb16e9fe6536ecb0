"""Counted caps (points.md, Earning): what they leave, what an award uses of them, and what a refund gives back.

A member's counters are of the business day of the event, its month, or the member's life in the program; a campaign's
is shared by all members for as long as the rule lives.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache

from services.earning.counted import CAMPAIGN, LIFETIME, CampaignSlice, CapUse
from services.earning.decide.book_claw_back import granted_of
from services.earning.deeds import DropEntry, RewardEntry
from services.earning.desk import EarningDesk, GrantEntry, ReceiptEntry
from services.earning.domain.asked import FactsAsked
from services.earning.domain.award import Award
from services.earning.domain.caps import cap_uses
from services.earning.domain.claw_back import remaining_awards
from services.earning.domain.facts import NOTHING_USED, UNLISTED, Counter, EarnFacts
from services.earning.domain.program import CompiledProgram
from shared.programs.largest_remainder import largest_remainder
from shared.programs.rules import CapWindow


@lru_cache(maxsize=4096)
def period_of(window: CapWindow, day: date) -> str:
    """The name of the period that `day` lies in."""
    if window == "member_day":
        return day.isoformat()
    if window == "member_month":
        return day.isoformat()[:7]
    return LIFETIME if window == "member_lifetime" else CAMPAIGN


def left_for(
    desk: EarningDesk, program: CompiledProgram, member_id: str | None, time: datetime, asks: FactsAsked
) -> Mapping[Counter, int]:
    """What is left of each counter that these rules ask for, where something of it was used.

    Without a member only campaigns count. `time` is that of the event at hand, whose periods were loaded.
    """
    left: dict[Counter, int] = {}
    if asks.counters and member_id is not None:
        for window, used in _used_in(desk, program, member_id, time):
            for rule_id, points in used.items():
                if points and (rule_id, window) in asks.counters:
                    left[rule_id, window] = max(0, program.cap_points[rule_id, window] - points)
    for rule_id in asks.campaigns:
        slice_ = _campaign(desk, program, rule_id, program.cap_points[rule_id, "campaign"])
        if slice_.left < slice_.cap:
            left[rule_id, "campaign"] = max(0, program.cap_points[rule_id, "campaign"] - slice_.cap + slice_.left)
    return left or NOTHING_USED


def _used_in(
    desk: EarningDesk, program: CompiledProgram, member_id: str, time: datetime
) -> Iterator[tuple[CapWindow, Mapping[str, int]]]:
    """What the member has used, by rule, in each of the periods that `time` lies in, if it used anything there."""
    day, program_id, counters = program.dates.day(time), program.program_id, desk.counted.members
    for window in program.member_windows:
        used = counters.used_in((program_id, member_id, period_of(window, day)))
        if used:
            yield window, used


def note_used(
    desk: EarningDesk, program: CompiledProgram, member_id: str, time: datetime, awards: Sequence[Award]
) -> dict[CapUse, int]:
    """Count what these awards, all of them granted, use; returns it by rule and period."""
    used = cap_uses(awards, program.counters)
    if not used:
        return {}
    uses = _by_period(used, program, time)
    for use, points in uses.items():
        _move(desk, program.program_id, member_id, use, points)
    return uses


def facts_of_caps(desk: EarningDesk, program: CompiledProgram, member_id: str, time: datetime) -> EarnFacts:
    """What a drop or an inviter's reward is judged by besides the program: what caps leave of its rules (C09)."""
    left = left_for(desk, program, member_id, time, program.asks_of_deeds)
    return EarnFacts(left=left) if left else UNLISTED


def give_back(receipt: ReceiptEntry, program: CompiledProgram, desk: EarningDesk) -> None:
    """Something of the receipt came back and its claw-backs are booked: what its grants use no longer is given back."""
    member = (receipt.program_id, receipt.member_id or "")
    receipt.cap_uses = _still_used(desk, member, receipt.cap_uses, _standing(receipt, program))


def give_back_of_drop(drop: DropEntry, remaining: Sequence[Award], program: CompiledProgram, desk: EarningDesk) -> None:
    """The same for a drop of which only so much remains."""
    stays = {} if drop.event_time is None else _in_periods(remaining, program, drop.event_time)
    drop.cap_uses = _still_used(desk, (drop.program_id, drop.member_id), drop.cap_uses, stays)


def give_back_of_reward(reward: RewardEntry, desk: EarningDesk) -> None:
    """The reward was taken back: it uses nothing any more."""
    reward.cap_uses = _still_used(desk, (reward.program_id, reward.inviter_id), reward.cap_uses, {})


def _still_used(
    desk: EarningDesk, member: tuple[str, str], uses: Mapping[CapUse, int], stays: Mapping[CapUse, int]
) -> dict[CapUse, int]:
    """Give back what does not stay. A refund never uses anything: each use comes down, or is as it was."""
    left: dict[CapUse, int] = {}
    for use, points in uses.items():
        still = min(points, stays.get(use, 0))
        if still < points:
            _move(desk, *member, use, still - points)
        if still:
            left[use] = still
    return left


def _standing(receipt: ReceiptEntry, program: CompiledProgram) -> dict[CapUse, int]:
    """What the rules that granted give for what remains of the receipt, by what they use."""
    if receipt.purchase is None or receipt.event_time is None:
        return {}
    if program.proportional:
        return _by_period(_in_proportion(receipt.grants, program), program, receipt.event_time)
    grants = [granted_of(grant) for grant in receipt.grants]
    remaining = remaining_awards(receipt.purchase, receipt.returned(), receipt.facts, program, grants)
    return _in_periods(remaining, program, receipt.event_time)


def _in_periods(awards: Sequence[Award], program: CompiledProgram, time: datetime) -> dict[CapUse, int]:
    return _by_period(cap_uses(awards, program.counters), program, time)


def _by_period(uses: Mapping[Counter, int], program: CompiledProgram, time: datetime) -> dict[CapUse, int]:
    day = program.dates.day(time)
    return {(rule_id, period_of(window, day)): points for (rule_id, window), points in uses.items() if points}


def _in_proportion(grants: Sequence[GrantEntry], program: CompiledProgram) -> dict[Counter, int]:
    """What is left of each grant, shared out over its rules by what each gave."""
    uses: dict[Counter, int] = {}
    for grant in grants:
        given: dict[str, int] = {}
        for line in grant.lines:
            for rule_id, points in line.rules:
                given[rule_id] = given.get(rule_id, 0) + points
        parts = largest_remainder(grant.points - grant.clawed_back, list(given.values()))
        for rule_id, points in zip(given, parts, strict=True):
            for counter in program.counters.get(rule_id, ()):
                uses[counter] = uses.get(counter, 0) + points
    return uses


def _move(desk: EarningDesk, program_id: str, member_id: str, use: CapUse, points: int) -> None:
    rule_id, period = use
    if period == CAMPAIGN:
        campaign = desk.counted.campaigns[program_id, rule_id]
        if points > campaign.left:
            raise ValueError(
                f"rule {rule_id} was to use {points} points of its campaign, which has {campaign.left} left"
            )
        campaign.used += points
    else:
        desk.counted.members.move((program_id, member_id, period), rule_id, points)


def _campaign(desk: EarningDesk, program: CompiledProgram, rule_id: str, points: int) -> CampaignSlice:
    key = (program.program_id, rule_id)
    known = desk.counted.campaigns.get(key)
    if known is None:
        if desk.counted.members.loaded is not None:
            raise LookupError(f"the campaign's cap of rule {rule_id} in {program.program_id} was never entered")
        known = desk.counted.campaigns[key] = CampaignSlice(points, points, 0)  # a desk without books
    return known
