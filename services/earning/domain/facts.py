"""What an earning decision read besides the receipt and the program; stored with it, so it can be recomputed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self, cast

import msgspec

from shared.calendar.day_facts import DayFacts
from shared.programs.rules import CapWindow

_FORMAT = 2
_KNOWN = frozenset(
    {"format", "listed", "day", "calendar", "minute", "first_order", "birthday", "tier", "segments", "left"}
)
Counter = tuple[str, CapWindow]
"""(rule id, window): whose points are counted, over which time."""
NOTHING_USED: Mapping[Counter, int] = MappingProxyType({})


class EarnFacts(msgspec.Struct, frozen=True):
    """All as of the event, as it was handled; only what the program asks for is filled in (FactsAsked).

    `listed`: the member was a listed party (C27), and so earns nothing. `day` and `minute` (since midnight) are those
    of the program's time zone, `calendar` the version of the calendar that told the day. `first_order`: no order had
    earned yet. `left`: points a counted cap still allows; a counter that is not there is untouched.
    """

    listed: bool = False
    day: DayFacts | None = None
    calendar: str | None = None
    minute: int | None = None
    first_order: bool = False
    birthday: bool = False
    tier: str | None = None
    segments: frozenset[str] = frozenset()
    left: Mapping[Counter, int] = msgspec.field(default_factory=lambda: NOTHING_USED)

    def __hash__(self) -> int:
        """Of all but what is left of counters, which has no hash."""
        said = (self.listed, self.day, self.calendar, self.minute, self.first_order, self.birthday, self.tier)
        return hash((*said, self.segments))

    def to_json(self) -> dict[str, object]:
        """Only what says something, for every receipt keeps it."""
        told: dict[str, object] = {"format": _FORMAT, "listed": int(self.listed)}
        if self.day is not None:
            told |= {"day": self.day.to_json(), "calendar": self.calendar}
        if self.minute is not None:
            told["minute"] = self.minute
        if self.first_order:
            told["first_order"] = 1
        if self.birthday:
            told["birthday"] = 1
        if self.tier is not None:
            told["tier"] = self.tier
        if self.segments:
            told["segments"] = sorted(self.segments)
        if self.left:
            told["left"] = [[rule_id, window, points] for (rule_id, window), points in sorted(self.left.items())]
        return told

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Reads format 1 too (listed alone). Raises ValueError for what this code does not write."""
        known = {"format", "listed"} if stored.get("format") == 1 else _KNOWN
        if stored.get("format") not in (1, _FORMAT) or not {"format", "listed"} <= stored.keys() <= known:
            raise ValueError(f"stored earning facts {dict(stored)!r} are not of format 1 or {_FORMAT}")
        day = stored.get("day")
        return cls(
            listed=_flag(stored, "listed"),
            day=None if day is None else DayFacts.from_json(cast(Mapping[str, object], day)),
            calendar=_of_type(stored, "calendar", str),
            minute=_of_type(stored, "minute", int),
            first_order=_flag(stored, "first_order"),
            birthday=_flag(stored, "birthday"),
            tier=_of_type(stored, "tier", str),
            segments=frozenset(_of_type(stored, "segments", list) or ()),
            left=_left(_of_type(stored, "left", list) or ()),
        )


def _flag(stored: Mapping[str, object], name: str) -> bool:
    value = stored.get(name, 0)
    if value not in (0, 1):
        raise ValueError(f"stored earning fact {name} is {value!r}, neither 0 nor 1")
    return value == 1


def _of_type(stored: Mapping[str, object], name: str, wanted: type) -> Any:
    value = stored.get(name)
    if value is not None and type(value) is not wanted:
        raise ValueError(f"stored earning fact {name} is {value!r}, which is no {wanted.__name__}")
    return value


def _left(rows: Any) -> Mapping[Counter, int]:
    left = {(rule_id, window): points for rule_id, window, points in rows}
    return MappingProxyType(left) if left else NOTHING_USED


UNLISTED = EarnFacts()
LISTED = EarnFacts(listed=True)
