"""C06: the licence is judged at the event's own time, through its last day in the program's time zone."""

from datetime import UTC, datetime, timedelta

import pytest

from services.earning.domain.eligibility import refusal_of, refusal_of_deed, refusal_of_member
from services.earning.domain.facts import EarnFacts
from shared.events.reason_codes import ReasonCode
from shared.programs.pack import ProgramPack
from tests.unit.earning.builders import NOON, line, pack, purchase

LICENCE = {"number": "B2-1", "scope": ["online data processing"], "valid_to": "2026-05-10"}
LAST_INSTANT = datetime(2026, 5, 10, 15, 59, 59, 999_999, tzinfo=UTC)  # of the day in Shanghai


def licensed(**changes: object) -> ProgramPack:
    return pack(telecom_business="online data processing", licence={**LICENCE, **changes})


def refusals(terms: ProgramPack, at: datetime) -> set[ReasonCode | None]:
    """Of a purchase and of another deed: always the same."""
    how = {"event_time": at, "arrival": at, "registered": True, "pack": terms}
    return {
        refusal_of(purchase(line(5_000)), facts=EarnFacts(), **how),  # type: ignore[arg-type]
        refusal_of_deed(listed=False, **how),  # type: ignore[arg-type]
    }


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (LAST_INSTANT, None),
        (LAST_INSTANT + timedelta(microseconds=1), ReasonCode.LICENCE_EXPIRED),
        (NOON - timedelta(days=100), None),
    ],
)
def test_it_is_good_through_its_last_day_in_the_program_s_zone(at: datetime, code: ReasonCode | None) -> None:
    assert refusals(licensed(), at) == {code}
    assert refusals(pack(licence=LICENCE), at) == {code}, "a licence that no business asks for must be in date as well"


def test_a_business_needs_a_licence_that_names_it() -> None:
    assert refusals(pack(telecom_business="online data processing"), NOON) == {ReasonCode.LICENCE_MISSING}
    assert refusals(licensed(scope=["call centres"]), NOON) == {ReasonCode.LICENCE_SCOPE}
    assert refusals(licensed(scope=["call centres", "online data processing"]), NOON) == {None}
    assert refusals(pack(), NOON) == {None}, "who runs no telecom business needs none"


def test_a_link_between_members_issues_nothing_yet() -> None:
    after = LAST_INSTANT + timedelta(days=1)
    assert refusal_of_member(event_time=after, arrival=after, registered=True, listed=False, pack=licensed()) is None
