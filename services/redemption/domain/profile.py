"""What is known of a member beside the points: what offers, prices and refusals depend on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """`tier_id` is the tier at the moment that was asked for, None = none; `tier_until` its validity as last told.

    `registered_at` is None for a member whose tier or points came before the registration did.
    """

    program_id: str
    member_id: str
    registered_at: datetime | None = None
    listed_party: bool = False
    locale: str | None = None
    closed_at: datetime | None = None
    tier_id: str | None = None
    tier_since: datetime | None = None
    tier_until: datetime | None = None

    @property
    def may_redeem(self) -> bool:
        """A listed party may not (C27), nor may anyone once the account is closed (C22)."""
        return not self.listed_party and self.closed_at is None


@dataclass(frozen=True, slots=True)
class ProfileWords:
    """What one event says of a member; only a registration may enter one who is not known yet."""

    registered_at: datetime
    listed_party: bool
    locale: str | None
    registers: bool

    def after(self, earlier: "ProfileWords | None") -> "ProfileWords":
        """The later words count; the earliest registration stays the member's, and what registered registers."""
        if earlier is None:
            return self
        return ProfileWords(
            min(self.registered_at, earlier.registered_at) if self.registers else earlier.registered_at,
            self.listed_party,
            self.locale,
            self.registers or earlier.registers,
        )
