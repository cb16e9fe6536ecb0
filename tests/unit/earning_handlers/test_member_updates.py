"""`member.updated` changes what is decided from then on, and nothing before; it registers nobody."""

from datetime import timedelta

import pytest

from services.earning.desk import EarningDesk
from shared.events.member_updated import MemberUpdated
from tests.unit.earning.builders import NOON
from tests.unit.earning_handlers.deeds import accepts, balances, buys, empty_desk, registers
from tests.unit.earning_handlers.test_histories import Happening, play


def updates(member_id: str, *, phone_verified: bool = True, listed_party: bool = False) -> Happening:
    data = MemberUpdated(
        program_id="fruit-shop",
        member_id=member_id,
        registered_at=NOON,
        phone_verified=phone_verified,
        listed_party=listed_party,
        changed=("device",),
    )
    return Happening(f"update-{member_id}", data, NOON + timedelta(minutes=5))


def course(*happenings: Happening) -> EarningDesk:
    return play(happenings, empty_desk)[0]


def outcomes(desk: EarningDesk) -> dict[str, tuple[str, str | None]]:
    return {row.delivered.required_event.id: (row.outcome, row.code) for row in desk.decisions}


def test_a_member_listed_by_an_update_earns_no_more_and_keeps_what_was_earned() -> None:
    desk = course(registers("bob"), buys("bob", "r1", 3_000), updates("bob", listed_party=True), buys("bob", "r2", 500))
    assert outcomes(desk)["update-bob"] == ("updated", None)
    assert outcomes(desk)["buy-r2"] == ("declined", "LISTED_PARTY")
    assert balances(desk) == {"bob": 30}


@pytest.mark.parametrize(("first", "expected"), [(True, {"bob": 100, "carol": 80 + 50}), (False, {"carol": 80})])
def test_a_phone_verified_by_an_update_counts_from_then_on(first: bool, expected: dict[str, int]) -> None:
    order, update = buys("carol", "r1", 8_000), updates("carol")
    rest = (update, order) if first else (order, update)
    base = (registers("bob"), registers("carol", phone_verified=False), accepts("carol", "bob"))
    assert balances(course(*base, *rest)) == expected


def test_an_update_keeps_the_first_order_and_the_referral() -> None:
    desk = course(
        registers("bob"), registers("carol"), accepts("carol", "bob"), buys("carol", "r1", 8_000), updates("carol"),
        buys("carol", "r2", 1_000),
    )  # fmt: skip
    assert balances(desk) == {"bob": 100, "carol": 80 + 50 + 10}


def test_an_update_waits_for_its_registration_and_is_none_itself() -> None:
    desk = course(updates("bob", listed_party=True), buys("bob", "r1", 3_000))
    assert (desk.decisions, desk.members) == ([], {})
    desk = course(updates("bob", listed_party=True), buys("bob", "r1", 3_000), registers("bob"))
    assert outcomes(desk)["buy-r1"] == ("declined", "LISTED_PARTY"), "the update was sent before the purchase"
