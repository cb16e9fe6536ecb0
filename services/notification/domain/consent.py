"""Whether a message may go to a member by a channel (C23)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from services.notification.domain.template import Channel, MessageClass
from shared.events.reason_codes import ReasonCode

EMAIL, MARKETING, GUARDIAN = "email", "marketing", "guardian"
"""The purposes that a profile's `consents` may name."""

CHILD_YEARS, MINOR_YEARS = 14, 18


@dataclass(frozen=True, slots=True)
class Profile:
    """What a member's profile says that matters here."""

    locale: str | None = None
    birth_year: int | None = None
    consents: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))


def refusal(message_class: MessageClass, channel: Channel, profile: Profile, year: int) -> ReasonCode | None:
    """The code that suppresses the message, None where it may go; `year` is that of its cause.

    A service message by e-mail needs no consent beyond the address given, and stops at consents.email false. In the
    member's own inbox it always stands. Marketing needs consents.marketing true, on every channel. Who may still be
    under 14 gets e-mail, and who may be a minor gets marketing, only with consents.guardian true.
    """
    consents = profile.consents
    by_guardian = consents.get(GUARDIAN) is True
    if message_class is MessageClass.MARKETING:
        if _may_be_under(MINOR_YEARS, profile, year) and not by_guardian:
            return ReasonCode.GUARDIAN_CONSENT_REQUIRED
        if (said := consents.get(MARKETING)) is not True:
            return ReasonCode.NO_CONSENT if said is None else ReasonCode.MARKETING_OPTED_OUT
    if channel is Channel.EMAIL:
        if consents.get(EMAIL) is False:
            return ReasonCode.NO_CONSENT
        if _may_be_under(CHILD_YEARS, profile, year) and not by_guardian:
            return ReasonCode.GUARDIAN_CONSENT_REQUIRED
    return None


def _may_be_under(years: int, profile: Profile, year: int) -> bool:
    """By the year of birth alone: until its end, the year of the birthday counts as before it."""
    return profile.birth_year is not None and year - profile.birth_year <= years
