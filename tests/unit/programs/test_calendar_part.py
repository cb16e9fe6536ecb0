"""The calendar of a pack: worded like a notice, and a slip of the pen is found where it is."""

from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.calendar.chinese import calendar_with
from shared.calendar.day_facts import DayKind, Holiday, StatutoryDay
from shared.programs.calendar import CalendarPart, GregorianMarketDays, LunarMarketDays
from shared.programs.fields import MisplacedError
from shared.programs.load import InvalidPackError, load_pack

FRUIT_SHOP = (Path(__file__).parents[3] / "deploy" / "programs" / "fruit-shop.yaml").read_text(encoding="utf-8")


def off(holiday: str, first: str, last: str, days: int, *work: str) -> dict[str, Any]:
    return {"holiday": holiday, "days_off": {"first": first, "last": last, "days": days}, "worked": list(work)}


# Invented: the State Council's notice for 2027 is not out.
NOTICE: dict[str, Any] = {
    "year": 2027,
    "version": 1,
    "source": "invented for tests",
    "covers": "whole_year",
    "holidays": [
        off("new_year", "2026-12-31", "2027-01-03", 4, "2027-01-09"),
        off("spring_festival", "2027-02-05", "2027-02-13", 9, "2027-01-31", "2027-02-20"),
        off("qingming", "2027-04-03", "2027-04-05", 3),
        off("labour_day", "2027-05-01", "2027-05-05", 5, "2027-05-08"),
        off("dragon_boat", "2027-06-09", "2027-06-09", 1),
        off("mid_autumn", "2027-09-15", "2027-09-15", 1),
        off("national_day", "2027-10-01", "2027-10-07", 7, "2027-09-26", "2027-10-09"),
    ],
}
CORRECTION: dict[str, Any] = {
    "year": 2026,
    "version": 1,
    "source": "invented for tests",
    "covers": "single_days",
    "holidays": [{"holiday": "special", "days_off": {"first": "2026-03-09", "last": "2026-03-09", "days": 1}}],
    "ordinary": ["2026-02-14"],
}


def changed(*path: int | str, to: Any) -> list[dict[str, Any]]:
    """Both notices, with one part of the first replaced."""
    notices = [deepcopy(NOTICE), deepcopy(CORRECTION)]
    part: Any = notices[0]
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = to
    return notices


def test_a_year_and_a_correction() -> None:
    part = CalendarPart.model_validate({"notices": [NOTICE, CORRECTION]})
    calendar = calendar_with(part.overrides())
    for written, kind in {
        "2026-12-31": DayKind.HOLIDAY,
        "2027-01-09": DayKind.ADJUSTED_WORKDAY,
        "2027-02-06": DayKind.HOLIDAY,
        "2027-02-14": DayKind.WEEKEND,
        "2027-02-15": DayKind.WORKDAY,
        "2026-03-09": DayKind.HOLIDAY,
        "2026-02-14": DayKind.WEEKEND,
        "2026-02-28": DayKind.ADJUSTED_WORKDAY,
    }.items():
        assert calendar.day(date.fromisoformat(written)).statutory.kind is kind, written
    assert calendar.day(date(2027, 2, 20)).statutory == StatutoryDay(DayKind.ADJUSTED_WORKDAY, Holiday.SPRING_FESTIVAL)


def test_it_survives_json_and_may_be_left_out() -> None:
    part = CalendarPart.model_validate({"notices": [NOTICE, CORRECTION]})
    assert CalendarPart.model_validate_json(part.model_dump_json()) == part
    assert CalendarPart.model_validate(part.model_dump(mode="json")).overrides() == part.overrides()
    assert CalendarPart().overrides().notices == ()


@pytest.mark.parametrize(
    ("path", "to", "sentence", "location"),
    [
        (("holidays", 1, "days_off", "days"), 8, "are 9 days, not 8", ("notices", 0, "holidays", 1, "days_off")),
        (("holidays", 1, "days_off", "last"), "2027-02-04", "are 0 days", ("notices", 0, "holidays", 1, "days_off")),
        (("holidays", 1, "worked", 1), "2027-02-22", "no Saturday", ("notices", 0, "holidays", 1, "worked", 1)),
        (("holidays", 1, "worked", 1), "2028-02-20", "not belong", ("notices", 0, "holidays", 1, "worked", 1)),
        (("holidays", 1, "worked", 1), "2027-02-06", "twice", ("notices", 0, "holidays", 1, "worked", 1)),
        (("holidays", 4), off("dragon_boat", "2027-06-10", "2027-06-10", 1), "dragon_boat", ("notices", 0)),
        (("holidays", 2), {"holiday": "qingming"}, "says neither", ("notices", 0, "holidays", 2)),
        (("holidays", 2, "holiday"), "carnival", "'spring_festival'", ("notices", 0, "holidays", 2, "holiday")),
        (("ordinary",), ["2026-06-01"], "is not of 2027", ("notices", 0, "ordinary", 0)),
        (("covers",), "single_days", "2027 is not published yet", ("notices", 0)),
        (("year",), 2099, "2056", ("notices", 0, "year")),
        (("remark",), "x", "Extra inputs", ("notices", 0, "remark")),
    ],
)
def test_what_is_wrong_is_found_in_its_place(
    path: tuple[int | str, ...], to: Any, sentence: str, location: tuple[int | str, ...]
) -> None:
    with pytest.raises(ValidationError, match=sentence) as refused:
        CalendarPart.model_validate({"notices": changed(*path, to=to)})
    (found,) = refused.value.errors()
    cause = found.get("ctx", {}).get("error")
    inner = cause.location if isinstance(cause, MisplacedError) else ()
    assert (*found["loc"], *inner) == location


def test_one_version_of_a_year_once() -> None:
    with pytest.raises(ValidationError, match="version 1 for 2026 occurs twice"):
        CalendarPart.model_validate({"notices": [CORRECTION, CORRECTION]})


def test_market_days_in_words_or_as_a_list() -> None:
    lunar, gregorian = TypeAdapter[tuple[int, ...]](LunarMarketDays), TypeAdapter[tuple[int, ...]](GregorianMarketDays)
    assert lunar.validate_python("逢一六") == lunar.validate_python([1, 6, 11, 16, 21, 26])
    assert gregorian.validate_python("逢五十") == (5, 10, 15, 20, 25, 30)
    assert lunar.validate_python([]) == ()
    for adapter, wrong in ((lunar, "every five days"), (lunar, [31]), (gregorian, "逢一六"), (gregorian, [32])):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_a_pack_s_calendar_is_read_and_its_slip_named_by_line_and_field() -> None:
    notice = """
calendar:
  notices:
    - year: 2026
      version: 1
      source: invented for tests
      covers: single_days
      holidays:
        - holiday: special
          days_off: {first: 2026-03-09, last: 2026-03-09, days: 1}
          worked: [2026-03-14, 2026-03-15]
"""
    part = load_pack(FRUIT_SHOP + notice, "shop.yaml").calendar
    assert calendar_with(part.overrides()).day(date(2026, 3, 9)).statutory.holiday is Holiday.SPECIAL
    wrong = FRUIT_SHOP + notice.replace("2026-03-15", "2026-03-16")
    with pytest.raises(InvalidPackError) as refused:
        load_pack(wrong, "shop.yaml")
    (found,) = refused.value.errors
    assert found.field == "calendar.notices[0].holidays[0].worked[1]"
    assert wrong.splitlines()[found.line - 1].strip().startswith("worked:")
    assert "2026-03-16 is no Saturday or Sunday" in found.message
