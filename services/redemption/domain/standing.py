"""What a member's own claims depend on: tier, points, what was claimed before and what was bought."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from services.redemption.domain.counts import period_start
from shared.programs.prices import LimitPeriod


class PurchasedLine(NamedTuple):
    """A line of a receipt with labels that some reward asks for; it serves one claim (M43)."""

    merchant_id: str
    receipt_id: str
    line_id: str
    labels: frozenset[str]
    bought_on: date


@dataclass(frozen=True, slots=True)
class Standing:
    """`claimed`: units per reward and business day, given-back ones left out.
    `purchases` have not served yet, oldest first.

    `held` points could be spent if no hold bound them. `lifetime`: granted less clawed back, pending excluded.
    """

    tier: str | None = None
    spendable: int = 0
    held: int = 0
    lifetime: int = 0
    claimed: Mapping[str, Mapping[date, int]] = field(default_factory=dict)
    purchases: tuple[PurchasedLine, ...] = ()

    def claimed_within(self, reward_id: str, day: date, per: LimitPeriod) -> int:
        """Units of the reward that count on the member's limit for the period of `day`; earlier orders' units."""
        if per == "order":
            return 0
        first = period_start(day, per)
        return sum(units for on, units in self.claimed.get(reward_id, {}).items() if first <= on <= day)
