"""Every window and threshold of fraud monitoring in one place; `GREENPOINTS_LIMITS` may change them as JSON.

Windows are of business time and slide in steps. A threshold that is reached (not only passed) raises a signal.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MINUTE = 60_000_000  # business time is counted in microseconds
DAY_MINUTES = 24 * 60

Minutes = Annotated[int, Field(ge=1, le=60 * DAY_MINUTES)]
Threshold = Annotated[int, Field(ge=1, le=10_000_000_000)]


class Limit(BaseModel):
    """A sliding window of `window_minutes` in whole steps of `step_minutes`, and the value that is too much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_minutes: Minutes
    step_minutes: Minutes
    threshold: Threshold

    @model_validator(mode="after")
    def _is_made_of_steps(self) -> Self:
        if self.window_minutes % self.step_minutes:
            raise ValueError(
                f"a window of {self.window_minutes} minutes is not made of {self.step_minutes}-minute steps"
            )
        return self

    @property
    def step(self) -> int:
        return self.step_minutes * MINUTE

    @property
    def steps(self) -> int:
        """How many steps make a window."""
        return self.window_minutes // self.step_minutes


class MemberVelocityLimit(Limit):
    """Purchases of one member."""

    window_minutes: Minutes = 60
    step_minutes: Minutes = 10
    threshold: Threshold = 15


class DeviceSharedLimit(Limit):
    """Different members who bought on one device."""

    window_minutes: Minutes = DAY_MINUTES
    step_minutes: Minutes = 60
    threshold: Threshold = 5


class RefundAfterEarningLimit(Limit):
    """Grants of one member that were clawed back within `soon_minutes` of being granted."""

    window_minutes: Minutes = 7 * DAY_MINUTES
    step_minutes: Minutes = 12 * 60
    threshold: Threshold = 3
    soon_minutes: Minutes = 3 * DAY_MINUTES


class ReferralRingLimit(Limit):
    """Members invited by the same member who bought on one device."""

    window_minutes: Minutes = 7 * DAY_MINUTES
    step_minutes: Minutes = 12 * 60
    threshold: Threshold = 3


class ImplausibleWeightLimit(Limit):
    """Grams that one member brought to stations."""

    window_minutes: Minutes = DAY_MINUTES
    step_minutes: Minutes = 60
    threshold: Threshold = 150_000


class Limits(BaseModel):
    """All of them. An event older than `late_days` before its arrival is not counted: history accuses nobody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    member_velocity: MemberVelocityLimit = MemberVelocityLimit()
    device_shared: DeviceSharedLimit = DeviceSharedLimit()
    refund_after_earning: RefundAfterEarningLimit = RefundAfterEarningLimit()
    referral_ring: ReferralRingLimit = ReferralRingLimit()
    implausible_weight: ImplausibleWeightLimit = ImplausibleWeightLimit()
    late_days: Annotated[int, Field(ge=1, le=55)] = 45  # the changelogs are kept for 60
    review_hours: Annotated[int, Field(ge=1, le=24 * 60)] = 72  # a person decides within this time of the arrival (C26)
