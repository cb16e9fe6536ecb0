"""Types of a program pack that the event contract does not have. Points and money are whole numbers."""

import re
from collections.abc import Set
from datetime import date
from fractions import Fraction
from functools import cache, lru_cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic.types import StrictInt, StrictStr

from shared.events.fields import MAX_SAFE_INTEGER, is_printable


class PackPart(BaseModel):
    """Any part of a pack: frozen, and a key it does not know is an error, never ignored."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


class MisplacedError(ValueError):
    """A fault between parts of a pack: `location` is the path of the part that has to change."""

    def __init__(self, location: tuple[int | str, ...], message: str) -> None:
        super().__init__(message)
        self.location = location


def _readable(text: str) -> str:
    if not is_printable(text) or text != text.strip():
        raise ValueError("must be printable and without spaces at its ends")
    return text


@cache
def _time_zones() -> Set[str]:
    """The names in the machine's tables, or in the package that brings them: some hundred files are looked at."""
    return available_timezones()


def _zone(text: str) -> str:
    if text not in _time_zones():
        raise ValueError(f"'{text}' is no IANA time zone; write one such as Asia/Shanghai or Europe/London")
    return text


_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%", re.ASCII)


def _percent(text: str) -> str:
    if _PERCENT.fullmatch(text) is None:
        raise ValueError(f"must be a percentage such as 20% or 2.5%, not {text!r}")
    if fraction_of(text) > 1:
        raise ValueError(f"must be at most 100%, not {text}")
    return text


@lru_cache(maxsize=1024)  # packs hold few, and every bill at a till asks for one
def fraction_of(percent: str) -> Fraction:
    """The exact share that a checked percentage such as "2.5%" names."""
    return Fraction(percent.removesuffix("%")) / 100


def _written_date(value: Any) -> Any:
    # Left alone, pydantic reads a bare number as seconds since 1970.
    if not isinstance(value, str | date):
        raise ValueError("must be a date such as 2026-01-31")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


Sentence = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(_readable)]
TimeZone = Annotated[StrictStr, AfterValidator(_zone)]
Flag = StrictBool
PositiveMinorUnits = Annotated[StrictInt, Field(ge=1, le=MAX_SAFE_INTEGER)]
PositivePoints = Annotated[StrictInt, Field(ge=1, le=MAX_SAFE_INTEGER)]
PositiveWhole = Annotated[StrictInt, Field(ge=1, le=1_000_000_000)]
Days = Annotated[StrictInt, Field(ge=0, le=36_525)]
Months = Annotated[StrictInt, Field(ge=0, le=1_200)]
Years = Annotated[StrictInt, Field(ge=0, le=100)]
Hours = Annotated[StrictInt, Field(ge=0, le=8_760)]
Percent = Annotated[StrictStr, AfterValidator(_percent)]
CalendarDate = Annotated[date, BeforeValidator(_written_date)]
