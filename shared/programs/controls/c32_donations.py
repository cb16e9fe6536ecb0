"""C32: a donation reward has an agreement that is signed and in force when the version takes effect."""

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext, judged_on
from shared.programs.findings import Finding, finding
from shared.programs.pack import ProgramPack
from shared.programs.rewards import Donation


def check(pack: ProgramPack, _previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    day = judged_on(pack, context)
    in_force = {
        agreement.agreement_id
        for agreement in pack.donation_agreements
        if agreement.signed_on is not None
        and agreement.signed_on <= day
        and agreement.period.from_ <= day < agreement.period.to
    }
    return tuple(
        finding(
            ReasonCode.DONATION_AGREEMENT_MISSING,
            "error",
            ("rewards", position, "agreement_id"),
            "donation {name} has no agreement that is signed and in force on {day}; name one by agreement_id",
            name=reward.reward_id,
            day=day,
        )
        for position, reward in enumerate(pack.rewards)
        if isinstance(reward, Donation) and reward.enabled and reward.agreement_id not in in_force
    )
