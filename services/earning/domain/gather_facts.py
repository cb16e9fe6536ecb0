"""The facts that a program asks for when a receipt is judged, put together once and stored with the decision."""

from collections.abc import Mapping
from datetime import date, datetime

from services.earning.domain.asked import NOTHING_ASKED, FactsAsked
from services.earning.domain.facts import LISTED, NOTHING_USED, UNLISTED, Counter, EarnFacts
from services.earning.domain.program import CompiledProgram
from shared.calendar.birthday import Birthday


def gather_facts(
    program: CompiledProgram,
    event_time: datetime,
    *,
    listed: bool,
    first_order: bool = False,
    birth_month_day: str | None = None,
    left: Mapping[Counter, int] = NOTHING_USED,
    tier: str | None = None,
    segments: frozenset[str] = frozenset(),
    asks: FactsAsked | None = None,
) -> EarnFacts:
    """`first_order`: none of the member's orders has earned so far. Day and minute are those of the event.
    `birth_month_day` as the member's profile says now; `left` of counted caps that were used.
    `tier` as of the event's time, `segments` as the profile says now.

    `asks`: what the program's rules of receipts ask for, unless said otherwise. Raises CalendarYearUnpublishedError
    now, before anything is decided, if a rule asks for days off of a year that nobody has published.
    """
    of_receipts = asks is None
    asks = program.asks if asks is None else asks
    if asks is NOTHING_ASKED:
        return LISTED if listed else UNLISTED
    day = minute = None
    if asks.day:
        day = program.calendar.day(program.dates.day(event_time))
        if of_receipts:
            program.rules_on(day)
    if asks.minute:
        local = event_time.astimezone(program.zone)
        minute = local.hour * 60 + local.minute
    return EarnFacts(
        listed=listed,
        day=day,
        calendar=None if day is None else program.calendar.version,
        minute=minute,
        first_order=asks.first_order and first_order,
        left=left,
        tier=tier if asks.tier else None,
        segments=segments if asks.segments else frozenset(),
        birthday=asks.birthday and _is_birthday(birth_month_day, program.dates.day(event_time)),
    )


def _is_birthday(birth_month_day: str | None, day: date) -> bool:
    return birth_month_day is not None and Birthday.of(birth_month_day).in_year(day.year) == day
