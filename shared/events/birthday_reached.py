"""`birthday.reached`: a member's birthday begins in the program's time zone; a timer says so, once per year."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import FullDate, MonthDay


class BirthdayReached(CausedEvent):
    """`day` is the day it is kept on: 29 February on the 28th in other years. The event's time is its beginning."""

    TYPE: ClassVar[str] = "greenpoints.birthday.reached.v1"
    TOPIC: ClassVar[str] = "earning.effects.v1"

    birth_month_day: MonthDay
    day: FullDate
