"""What a batch knows of counted caps: as loaded, changed by each decision, saved at the end. All of it in points."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

CampaignKey = tuple[str, str]  # program id, rule id
CapUse = tuple[str, str]  # rule id, period
LIFETIME, CAMPAIGN = "lifetime", "campaign"


MemberPeriod = tuple[str, str, str]
"""Program id, member id, and the day, month or lifetime: counters are loaded by it."""


@dataclass(slots=True)
class MemberCounters:
    """What members have used of their caps, by period and rule; `moved` is this batch's part of it.

    `loaded` are the periods that were looked up; None = all there are.
    """

    loaded: AbstractSet[MemberPeriod] | None = None
    used: dict[MemberPeriod, dict[str, int]] = field(default_factory=dict)
    moved: dict[tuple[MemberPeriod, str], int] = field(default_factory=dict)

    def used_in(self, period: MemberPeriod) -> Mapping[str, int] | None:
        """None where nothing was; raises LookupError for a period the load did not look up: that would be a guess."""
        if self.loaded is not None and period not in self.loaded:
            raise LookupError(f"the caps of {period} were not loaded with the batch")
        return self.used.get(period)

    def move(self, period: MemberPeriod, rule_id: str, points: int) -> None:
        """Use points, or (below zero) give them back: these of a period that may not be loaded."""
        of_period = self.used.setdefault(period, {})
        of_period[rule_id] = of_period.get(rule_id, 0) + points
        key = (period, rule_id)
        self.moved[key] = self.moved.get(key, 0) + points


@dataclass(slots=True)
class CampaignSlice:
    """This partition's slice of a campaign's cap; `elsewhere` is unused in the remainder and in other slices.

    Both are of one instant, as of a budget (SliceEntry). `cap` is the campaign's whole.
    """

    cap: int
    left_here: int
    elsewhere: int
    used: int = 0  # by this batch; below zero when more came back than went out

    @property
    def left(self) -> int:
        return self.left_here + self.elsewhere - self.used


@dataclass(slots=True)
class Counted:
    """Counters of members and slices of campaigns."""

    members: MemberCounters = field(default_factory=MemberCounters)
    campaigns: dict[CampaignKey, CampaignSlice] = field(default_factory=dict)
