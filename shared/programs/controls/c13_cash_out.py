"""C13 at publish: no reward is cash or near-cash. No kind is; this names the red line, and reads names too."""

import re
from collections.abc import Iterator, Mapping

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, finding
from shared.programs.pack import ProgramPack

_CASH_KINDS = re.compile(
    r"cash|red_?packet|money|bank|transfer|withdraw|gift_?card|prepaid|stored_?value|top_?up|recharge|wallet|coin|token"
    r"|现金|红包|提现|转账|充值|储值|预付|购物卡"
)
# Words that only near-cash bears: a name with one of them is refused, whatever the kind.
_CASH_NAMES = re.compile(
    r"现金|红包|提现|储值卡|预付卡|购物卡|充值卡|话费"
    r"|\b(?:cash(?:[ -]?(?:back|out|card|voucher))?|gift cards?|prepaid cards?|stored[ -]value|phone credit)\b",
    re.IGNORECASE,
)


def check_written(document: Mapping[str, object]) -> Iterator[Finding]:
    """Reward kinds as the file writes them: one that means cash gets the red line's code, not a spelling fault."""
    rewards = document.get("rewards")
    for position, reward in enumerate(rewards if isinstance(rewards, list) else ()):
        kind = reward.get("kind") if isinstance(reward, Mapping) else None
        if isinstance(kind, str) and _CASH_KINDS.search(kind.lower()):
            yield finding(
                ReasonCode.QUASI_CASH_REWARD,
                "error",
                ("rewards", position, "kind"),
                "reward kind {kind} is cash or near-cash, which points never buy; take the reward out",
                kind=kind,
            )


def check(pack: ProgramPack, _previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    return tuple(
        finding(
            ReasonCode.QUASI_CASH_REWARD,
            "error",
            ("rewards", position, "name"),
            "reward {name} is called {word}: points never buy cash or what is as good as cash; take it out or name "
            "what it really is",
            name=reward.reward_id,
            word=found[0],
        )
        for position, reward in enumerate(pack.rewards)
        if (found := _CASH_NAMES.search(f"{reward.name.zh_cn} {reward.name.en}"))
    )
