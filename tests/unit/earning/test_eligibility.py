"""How old an event may be to earn: its age runs from its own time to its arrival."""

from datetime import timedelta

import pytest

from services.earning.domain.eligibility import refusal_of
from services.earning.domain.facts import EarnFacts
from shared.events.reason_codes import ReasonCode
from tests.unit.earning.builders import NOON, line, pack, purchase

DAYS = timedelta(days=180)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("age", "code"), [(DAYS - MOMENT, None), (DAYS, None), (DAYS + MOMENT, ReasonCode.EVENT_TOO_OLD)]
)
def test_an_event_of_exactly_the_greatest_age_still_earns(age: timedelta, code: ReasonCode | None) -> None:
    assert refusal_after(age, 180) == code


def test_without_a_limit_no_age_is_too_great() -> None:
    assert refusal_after(100 * DAYS, "unlimited") is None


def refusal_after(age: timedelta, max_event_age_days: object) -> ReasonCode | None:
    return refusal_of(
        purchase(line(5_000)),
        event_time=NOON - age,
        arrival=NOON,
        registered=True,
        facts=EarnFacts(),
        pack=pack(max_event_age_days=max_event_age_days),
    )
