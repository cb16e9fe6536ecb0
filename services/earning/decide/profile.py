"""What earning goes by of a member's profile, as the last registration or update says it."""

from services.earning.decide.birthday import set_timer
from services.earning.desk import EarningDesk
from shared.events.member_registered import MemberProfile
from shared.runtime.batch import Delivered


def enter_profile(delivered: Delivered, profile: MemberProfile, desk: EarningDesk) -> None:
    """Phone verified (C01), listed (C27), birthday, organisation, segments; the member must be on the desk."""
    member = (profile.program_id, profile.member_id)
    known = desk.members[member]
    known.phone_verified, known.listed_party = profile.phone_verified, profile.listed_party
    known.organisation_id = profile.organisation_id
    known.segments = frozenset(profile.segments)
    if profile.birth_month_day != known.birth_month_day:
        known.birth_month_day = profile.birth_month_day
        set_timer(delivered, member, profile.birth_month_day, desk)
    desk.changed_members.add(member)
