"""The one error of the calendar: a year that nobody has published is refused, never guessed."""

from typing import Self

from shared.events.reason_codes import ReasonCode


class CalendarYearUnpublishedError(LookupError):
    """The calendar of `year` is asked for and not known; `code` is the machine-readable reason."""

    code = ReasonCode.CALENDAR_YEAR_UNPUBLISHED

    def __init__(self, year: int, sentence: str) -> None:
        super().__init__(sentence)
        self.year = year

    @classmethod
    def of_holidays(cls, year: int) -> Self:
        return cls(
            year,
            f"the days off and adjusted workdays of {year} are not known: once the State Council has published them, "
            "write them under calendar.notices in a new version of the program, then replay the event",
        )

    @classmethod
    def of_lunar_dates(cls, year: int, first: int, last: int) -> Self:
        return cls(year, f"lunar dates are known from {first} to {last}, not for {year}: correct the date")
