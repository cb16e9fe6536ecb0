"""C18: a reward has a supplier, a standard and an honest description, checked by a person; a recalled one is not given.

The program's own vouchers, and donations (C32), need the description alone: nothing is made or supplied.
"""

from collections.abc import Iterator

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, finding
from shared.programs.pack import ProgramPack
from shared.programs.rewards import Donation, Reward, VoucherReward


def check(pack: ProgramPack, _previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    found = []
    for position, reward in enumerate(pack.rewards):
        if not reward.enabled:
            continue
        missing = ", ".join(_missing(reward))
        if missing:
            found.append(
                finding(
                    ReasonCode.REWARD_EVIDENCE_MISSING,
                    "error",
                    ("rewards", position),
                    "reward {name} lacks {missing}; put it on file and write it here",
                    name=reward.reward_id,
                    missing=missing,
                )
            )
        if reward.quality is not None and reward.quality.recalled:
            found.append(
                finding(
                    ReasonCode.REWARD_RECALLED,
                    "error",
                    ("rewards", position, "quality", "recalled"),
                    "reward {name} has been recalled; write enabled: false until the recall is over",
                    name=reward.reward_id,
                )
            )
    return tuple(found)


def _missing(reward: Reward) -> Iterator[str]:
    if reward.description is None:
        yield "description"
    if isinstance(reward, VoucherReward | Donation):
        return
    for field in ("supplier", "standard", "checked_by", "checked_on"):
        if reward.quality is None or getattr(reward.quality, field) is None:
            yield f"quality.{field}"
