"""member.registered: a member's language and what they consent to."""

from services.notification.desk import NotificationDesk
from services.notification.domain.consent import Profile
from shared.events.member_registered import MemberProfile
from shared.runtime.batch import Delivered, Fate


def on_member_registered(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Keep the whole profile's last word, as far as it matters here."""
    known = delivered.required_event.data
    assert isinstance(known, MemberProfile)  # noqa: S101 - the runtime chooses the handler by this type
    desk.profiles[known.program_id, known.member_id] = Profile(known.locale, known.birth_year, known.consents)
    return Fate.APPLIED
