"""What to do with a queued e-mail now: a pure decision over what is known of member, contact and time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from services.notification.domain.address import usable_address
from services.notification.domain.consent import Profile, refusal
from services.notification.domain.template import Channel, Template, class_of
from shared.events.reason_codes import ReasonCode

GAVE_UP = "too-old"


@dataclass(frozen=True, slots=True)
class Send:
    """Hand it over to this address."""

    address: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at this instant, or when profile or contact change."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Suppress:
    """Do not send, for this reason."""

    code: ReasonCode


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It failed for good."""

    error: str


EmailFate: TypeAlias = Send | Wait | Suppress | GiveUp


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an e-mail waits for its address, and until when it is still news."""

    contact: timedelta
    news: timedelta


@dataclass(frozen=True, slots=True)
class QueuedEmail:
    """What is known of one e-mail. `email` is what the contact names; `profile` None: none has arrived."""

    template: Template
    cause_year: int
    queued_at: datetime
    profile: Profile | None
    email: str | None
    erased: bool


def email_fate(queued: QueuedEmail, now: datetime, patience: Patience) -> EmailFate:
    """Opting out or erasing counts up to the moment of sending; an address may arrive after the message."""
    if queued.erased:
        return Suppress(ReasonCode.CONTACT_ERASED)
    if queued.profile is not None:
        code = refusal(class_of(queued.template), Channel.EMAIL, queued.profile, queued.cause_year)
        if code is not None:
            return Suppress(code)
    address = usable_address(queued.email)
    if queued.profile is None or address is None:
        late = queued.queued_at + patience.contact
        if now < late:
            return Wait(late)
        return Suppress(ReasonCode.NO_CONSENT if queued.profile is None else ReasonCode.CONTACT_MISSING)
    if now >= queued.queued_at + patience.news:
        return GiveUp(GAVE_UP)
    return Send(address)
