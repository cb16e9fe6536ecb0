"""A time as our services write it is read without the long way round, and means the same."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import fields
from shared.events.fields import format_timestamp, parse_timestamp

_INSTANTS = st.datetimes(datetime(1000, 1, 1), datetime(8999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
_SIGNS = st.sampled_from("0123456789-:.,TtZzW +٣")


def _both_ways(text: str) -> list[object]:
    answers: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        for quick in (fields._is_as_we_write, lambda _: False):
            patch.setattr(fields, "_is_as_we_write", quick)
            try:
                answers.append((parse_timestamp(text), parse_timestamp(text).tzinfo))
            except ValueError as error:
                answers.append(str(error))
    return answers


@given(_INSTANTS)
def test_what_we_write_reads_back(instant: datetime) -> None:
    quick, slow = _both_ways(format_timestamp(instant))
    assert quick == slow == (instant, UTC)


@given(st.datetimes(timezones=st.just(UTC)), st.dictionaries(st.integers(0, 26), _SIGNS, max_size=4))
def test_whatever_is_nearly_so_means_the_same_as_without(instant: datetime, changed: dict[int, str]) -> None:
    text = list(format_timestamp(instant))
    for place, sign in changed.items():
        if place < len(text):
            text[place] = sign
    quick, slow = _both_ways("".join(text))
    assert quick == slow


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00Z", "0999-12-31T23:59:59.999999Z", "9000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_the_ends_of_the_calendar_are_no_times_of_events(text: str) -> None:
    """Nobody could count the days or months of a window or a validity from there."""
    assert _both_ways(text) == ["the time lies outside the years 1000 to 8999"] * 2


@pytest.mark.parametrize("text", ["2026-W01-1T09:30:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:30:00,123456Z"])
def test_forms_of_iso_8601_that_look_alike(text: str) -> None:
    quick, slow = _both_ways(text)
    assert quick == slow
