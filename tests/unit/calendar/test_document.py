"""docs/calendar.md says what holds: its examples are read by the models, its notice is the one that ships."""

import re
from typing import Any

import pytest
import yaml

from deploy.local.stack import CHECKOUT
from shared.calendar.chinese import SHIPPED, calendar_with
from shared.calendar.day_facts import Holiday
from shared.programs.calendar import CalendarPart, DaysOff, HolidayPart, NoticePart
from shared.programs.rules.conditions import When
from tests.unit.calendar.days import year_of

TEXT = (CHECKOUT / "docs" / "calendar.md").read_text(encoding="utf-8")


def example(key: str) -> Any:
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)]
    (found,) = (block[key] for block in blocks if key in block)
    return found


def test_the_notice_of_2026_as_written_is_the_one_that_ships() -> None:
    part = CalendarPart.model_validate(example("calendar"))
    written = calendar_with(part.overrides())
    assert part.notices[0].covers == "whole_year"
    assert [written.day(day) for day in year_of(2026)] == [SHIPPED.day(day) for day in year_of(2026)]


def test_the_conditions_are_read() -> None:
    when = When.model_validate(example("when"))
    assert when.lunar is not None
    assert when.holidays == (Holiday.SPRING_FESTIVAL, Holiday.MID_AUTUMN)


@pytest.mark.parametrize("key", [*NoticePart.model_fields, *HolidayPart.model_fields, *DaysOff.model_fields])
def test_every_field_of_a_notice_is_told(key: str) -> None:
    assert f"{key}:" in TEXT or f"`{key}`" in TEXT
