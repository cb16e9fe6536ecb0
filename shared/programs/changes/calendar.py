"""What another calendar means to members: a year that nobody knew yet may be added at any time."""

from shared.calendar.chinese import calendar_with
from shared.programs.calendar import CalendarPart
from shared.programs.changes.change import Verdict


def judge_calendar(old: CalendarPart, new: CalendarPart) -> Verdict:
    """Better if every notice stands and each new one is for a year without one; else it depends on the day."""
    added = [notice for notice in new.notices if notice not in old.notices]
    kept = all(notice in new.notices for notice in old.notices)
    known = calendar_with(old.overrides()).published_years
    return "better" if kept and all(notice.year not in known for notice in added) else "undecided"
