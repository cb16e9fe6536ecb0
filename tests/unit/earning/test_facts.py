"""Facts are stored with the decision and read back as they were."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.earning.domain.facts import EarnFacts
from services.earning.domain.gather_facts import gather_facts
from shared.calendar.chinese import SHIPPED
from shared.calendar.unpublished import CalendarYearUnpublishedError
from tests.unit.earning.rule_builders import facts_on, judged_by, rule

FULL = EarnFacts(
    listed=True,
    day=SHIPPED.day(date(2026, 10, 1)),
    calendar=SHIPPED.version,
    minute=0,
    first_order=True,
    birthday=True,
    tier="gold",
    segments=frozenset({"a", "b"}),
    left={("bonus", "member_day"): 0, ("bonus", "campaign"): 7},
)


@pytest.mark.parametrize("facts", [EarnFacts(), EarnFacts(listed=True), facts_on(date(2027, 3, 1)), FULL])
def test_facts_are_stored_as_plain_json_and_read_back(facts: EarnFacts) -> None:
    assert EarnFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_facts_of_the_first_format_are_still_read() -> None:
    assert EarnFacts.from_json({"format": 1, "listed": 1}) == EarnFacts(listed=True)


def test_what_a_program_does_not_ask_is_not_stored() -> None:
    at = datetime(2026, 5, 9, 4, tzinfo=UTC)
    assert gather_facts(judged_by(rule("r")), at, listed=False, first_order=True).to_json() == {
        "format": 2,
        "listed": 0,
    }
    asks = judged_by(rule("r", when={"first_order": True, "hours": [{"from": "08:00", "to": "20:00"}]}))
    told = gather_facts(asks, at, listed=False, first_order=True)
    assert told == EarnFacts(first_order=True, minute=12 * 60)


def test_day_and_minute_are_those_of_the_program_s_time_zone() -> None:
    asks = judged_by(rule("r", when={"weekdays": [6], "hours": [{"from": "08:00", "to": "20:00"}]}))
    told = gather_facts(asks, datetime(2026, 5, 8, 16, 5, tzinfo=UTC), listed=False)
    assert told.day is not None
    assert (told.day.day, told.minute, told.calendar) == (date(2026, 5, 9), 5, SHIPPED.version)


def test_days_off_that_nobody_has_published_are_an_error_and_other_questions_are_not() -> None:
    at = datetime(2027, 5, 8, tzinfo=UTC)
    with pytest.raises(CalendarYearUnpublishedError):
        gather_facts(judged_by(rule("r", when={"statutory": ["holiday"]})), at, listed=False)
    over = {"dates": [{"from": "2026-01-01", "to": "2027-01-01"}], "statutory": ["holiday"]}
    gather_facts(judged_by(rule("r", when=over)), at, listed=False)
    gather_facts(judged_by(rule("r", when={"lunar_market_days": [1]})), at, listed=False)


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"format": 3, "listed": 0},
        {"format": 1, "listed": 2},
        {"format": 1, "listed": 0, "x": 1},
        {"format": 1, "listed": 0, "minute": 5},
        {"format": 2, "listed": 0, "minute": "5"},
        {"format": 2, "listed": 0, "day": {}},
        {"format": 2},
    ],
)
def test_facts_of_another_format_are_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="stored"):
        EarnFacts.from_json(stored)
