"""C30: a lucky draw's top prize stays within the limit (50,000.00 passes), and its terms are published before it."""

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.draws import DrawTerms
from shared.programs.findings import Finding, finding
from shared.programs.money import amount
from shared.programs.pack import ProgramPack
from shared.programs.rewards import EventEntry


def check(pack: ProgramPack, _previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    limit = context.compliance.top_prize_minor
    found = []
    for position, reward in enumerate(pack.rewards):
        if not isinstance(reward, EventEntry) or reward.draw is None or not reward.enabled:
            continue
        here = ("rewards", position, "draw")
        found += [
            finding(
                ReasonCode.PRIZE_LIMIT_EXCEEDED,
                "error",
                (*here, "prizes", place, "value_minor"),
                "a prize of {value} in draw {name} is above the limit of {limit}; make it smaller",
                value=amount(prize.value_minor, pack.currency),
                name=reward.reward_id,
                limit=amount(limit, pack.currency),
            )
            for place, prize in enumerate(reward.draw.prizes)
            if prize.value_minor > limit
        ]
        missing = [name for name in DrawTerms.model_fields if getattr(reward.draw.terms, name) is None]
        if missing:
            found.append(
                finding(
                    ReasonCode.PRIZE_TERMS_MISSING,
                    "error",
                    (*here, "terms"),
                    "draw {name} does not publish {missing}; write it under terms",
                    name=reward.reward_id,
                    missing=", ".join(missing),
                )
            )
    return tuple(found)
