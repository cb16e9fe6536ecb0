"""The timer of a member's birthday: set whenever the profile names another day."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from services.earning.decide.route import newest_version
from services.earning.desk import EarningDesk, MemberKey
from services.earning.domain.birthdays import next_birthday
from services.earning.occasions import BirthdayTimer
from shared.runtime.batch import Delivered


def set_timer(delivered: Delivered, member: MemberKey, birth_month_day: str | None, desk: EarningDesk) -> None:
    """For the first birthday after the event's own time, however late it came: but none that would be too old now."""
    if birth_month_day is None:
        desk.occasions.timers[member] = BirthdayTimer(None, None)
        return
    pack = newest_version(desk, member[0]).pack
    after = delivered.required_event.time
    if pack.max_event_age_days != "unlimited":
        after = max(after, delivered.arrival - timedelta(days=pack.max_event_age_days))
    due = next_birthday(birth_month_day, after, ZoneInfo(pack.time_zone))
    desk.occasions.timers[member] = BirthdayTimer(birth_month_day, due)
