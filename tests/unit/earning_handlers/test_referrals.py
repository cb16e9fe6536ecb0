"""Referrals: both sides rewarded once, one level deep, whatever arrives first; gone with the first order (C10)."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.earning.desk import EarningDesk, MemberEntry
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode
from tests.unit.earning.builders import NOON, ONE_PER_YUAN, line, purchase
from tests.unit.earning_handlers.deeds import (
    INVITEE,
    INVITER,
    accepts,
    balances,
    buys,
    empty_desk,
    gives_back,
    neighbourhood,
    registers,
)
from tests.unit.earning_handlers.test_histories import Happening, play

FIRST = buys("carol", "r1", 6_000, 2_000)
SECOND = buys("carol", "r2", 1_000, hours=2)


def course(*happenings: Happening) -> EarningDesk:
    return play(happenings, empty_desk)[0]


def outcome(desk: EarningDesk, event_id: str) -> tuple[str, str | None]:
    (row,) = [row for row in desk.decisions if row.delivered.required_event.id == event_id]
    return row.outcome, row.code


def orders_kept(history: Sequence[Happening]) -> bool:
    """The first order is the first handled, and one member's purchases keep their order in Kafka."""
    return list(history).index(FIRST) < list(history).index(SECOND)


@pytest.mark.parametrize(
    ("refund", "expected"),
    [
        (gives_back(FIRST), {"bob": 0, "carol": 10}),
        (gives_back(FIRST, member=False), {"bob": 0, "carol": 10}),
        (gives_back(FIRST, "2"), {"bob": 100, "carol": 60 + 10 + 50}),
        (gives_back(SECOND), {"bob": 100, "carol": 80 + 50}),
    ],
    ids=["the first order comes back", "without naming the member", "a part of it", "the second order"],
)
def test_every_order_of_arrival_gives_the_same_balances(refund: Happening, expected: dict[str, int]) -> None:
    history = (registers("carol"), registers("bob"), accepts("carol", "bob"), FIRST, SECOND, refund)
    orders = [order for order in permutations(history) if orders_kept(order)]
    assert len(orders) == 360
    for order in orders:
        found = balances(course(*order))
        names = [happening.event_id for happening in order]
        assert {member: found.get(member, 0) for member in expected} == expected, names


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_repeats_and_a_chain_pay_each_side_once_and_one_level_up(chance: Random) -> None:
    """alice → bob → carol: carol's order pays bob, bob's order pays alice; carol's pays alice nothing."""
    history = [
        *(registers(member) for member in ("alice", "bob", "carol")),
        accepts("bob", "alice"),
        accepts("carol", "bob"),
        buys("bob", "r9", 3_000),
        FIRST,
    ]
    again = [*history, *history]
    chance.shuffle(again)
    assert balances(course(*again)) == {"alice": 100, "bob": 30 + 50 + 100, "carol": 80 + 50}


def test_the_level_above_is_told_that_it_gets_nothing() -> None:
    desk = course(
        *(registers(member) for member in ("alice", "bob", "carol")),
        accepts("bob", "alice"),
        accepts("carol", "bob"),
        FIRST,
    )
    assert balances(desk) == {"bob": 100, "carol": 80 + 50}
    told = [orjson.loads(row.payload or b"") for row in desk.outbox if row.type == "greenpoints.points.declined.v1"]
    (declined,) = told
    assert declined["partitionkey"] == "fruit-shop/alice"
    assert (declined["data"]["code"], declined["data"]["member_id"]) == ("REFERRAL_DEPTH_EXCEEDED", "alice")


def test_two_who_invite_each_other_are_paid_as_invitees_alone() -> None:
    desk = course(
        registers("bob"), registers("carol"), accepts("carol", "bob"), accepts("bob", "carol"), FIRST,
        buys("bob", "r9", 3_000),
    )  # fmt: skip
    assert balances(desk) == {"carol": 80 + 50, "bob": 30 + 50}


@pytest.mark.parametrize(
    ("happenings", "code"),
    [
        ((registers("carol"), accepts("carol", "carol", "x")), ReasonCode.SELF_REFERRAL),
        ((registers("carol"), accepts("carol", "dan"), accepts("carol", "bob", "x")), ReasonCode.DUPLICATE_EARN),
        ((registers("carol", listed_party=True), accepts("carol", "bob", "x")), ReasonCode.LISTED_PARTY),
        ((registers("carol", phone_verified=False), FIRST, accepts("carol", "bob", "x")),
         ReasonCode.ISSUE_TO_UNSPECIFIED),
        ((registers("carol"), FIRST, gives_back(FIRST), accepts("carol", "bob", "x")),
         ReasonCode.NO_QUALIFYING_TRANSACTION),
    ],
    ids=["oneself", "a second inviter", "a listed party", "a phone not verified", "a first order that came back"],
)  # fmt: skip
def test_a_referral_is_refused_with_its_code(happenings: tuple[Happening, ...], code: ReasonCode) -> None:
    desk = course(registers("bob"), *happenings)
    assert outcome(desk, "x") == ("declined", code.value)
    assert "bob" not in balances(desk)
    assert balances(desk).get("carol", 80) in (0, 80), "only what the order itself earned"


@pytest.mark.parametrize(
    ("registration", "code"),
    [
        (registers("bob", phone_verified=False), ReasonCode.ISSUE_TO_UNSPECIFIED),
        (registers("bob", listed_party=True), ReasonCode.LISTED_PARTY),
    ],
    ids=["not verified", "listed"],
)
def test_the_inviter_is_refused_and_the_invitee_keeps_its_own(registration: Happening, code: ReasonCode) -> None:
    desk = course(registration, registers("carol"), accepts("carol", "bob"), FIRST)
    qualified = next(row for row in desk.decisions if row.delivered.required_event.type.endswith("qualified.v1"))
    assert (qualified.outcome, qualified.code) == ("declined", code.value)
    assert balances(desk) == {"carol": 80 + 50}


def test_an_inviter_whose_account_was_closed_before_the_order_is_not_paid() -> None:
    def bob_has_left() -> EarningDesk:
        desk = empty_desk()
        closed_at = NOON + timedelta(minutes=30)
        desk.members["fruit-shop", "bob"] = MemberEntry(
            NOON, phone_verified=True, listed_party=False, closed_at=closed_at
        )
        return desk

    desk = play([registers("carol"), accepts("carol", "bob"), FIRST], bob_has_left)[0]
    qualified = next(row for row in desk.decisions if row.delivered.required_event.type.endswith("qualified.v1"))
    assert (qualified.outcome, qualified.code) == ("declined", ReasonCode.ISSUE_TO_UNSPECIFIED.value)
    assert balances(desk) == {"carol": 80 + 50}


def test_a_declined_purchase_is_no_first_order() -> None:
    nothing = Happening("small", purchase(line(50), receipt_id="r0", member_id="carol"), NOON)
    desk = course(registers("bob"), registers("carol"), accepts("carol", "bob"), nothing, FIRST)
    assert balances(desk) == {"bob": 100, "carol": 80 + 50}


def test_an_order_refunded_piece_by_piece_takes_the_rewards_with_its_last_piece() -> None:
    """60 and 20 yuan: the rewards stand until nothing of the order is left."""
    base = (registers("bob"), registers("carol"), accepts("carol", "bob"), FIRST)
    part, rest = gives_back(FIRST, "1", name="part"), gives_back(FIRST, "2", name="rest")
    assert balances(course(*base, part)) == {"bob": 100, "carol": 20 + 50}
    desk = course(*base, part, rest, SECOND)
    assert balances(desk) == {"bob": 0, "carol": 10}
    assert [desk.members["fruit-shop", "carol"].referral.state] == ["reversed"]  # type: ignore[union-attr]


def test_a_refund_that_takes_only_the_reward_is_a_claw_back_all_the_same() -> None:
    """1.50 yuan earned 1 point, gone with the first piece; the second takes the invitee's reward alone."""
    small = buys("carol", "r1", 90, 60)
    desk = course(
        registers("bob"), registers("carol"), accepts("carol", "bob"), small,
        gives_back(small, "1", name="part"), gives_back(small, "2", name="rest"),
    )  # fmt: skip
    assert balances(desk) == {"bob": 0, "carol": 0}
    assert outcome(desk, "rest") == ("clawed_back", None)


def test_the_grants_of_both_sides_name_the_other_and_one_story() -> None:
    desk = course(registers("bob"), registers("carol"), FIRST, accepts("carol", "bob"))
    told = [orjson.loads(row.payload or b"")["data"] for row in desk.outbox if row.type.endswith("granted.v1")]
    order, invitee, inviter = told
    assert isinstance(FIRST.data, PurchaseCompleted)
    assert invitee["source"] == {
        "type": "greenpoints.referral.accepted.v1", "id": "link-carol", "other_member_id": "bob",
    }  # fmt: skip
    assert inviter["source"]["type"] == "greenpoints.referral.qualified.v1"
    assert (inviter["member_id"], inviter["source"]["other_member_id"]) == ("bob", "carol")
    assert {order["correlation_id"], invitee["correlation_id"], inviter["correlation_id"]} == {"/pos#buy-r1"}
    assert {invitee["class"], inviter["class"]} == {"PROMO"}
    assert outcome(desk, "link-carol") == ("granted", None)


@pytest.mark.parametrize("rule_id", ["a", "z"], ids=["named before the other", "named after it"])
def test_only_the_best_rule_of_a_side_counts(rule_id: str) -> None:
    better = INVITER.model_copy(update={"rule_id": rule_id, "points": 120})
    terms = neighbourhood(ONE_PER_YUAN, INVITER, better, INVITEE)
    desk, _ = play([registers("bob"), registers("carol"), accepts("carol", "bob"), FIRST], lambda: empty_desk(terms))
    assert balances(desk)["bob"] == 120


def test_a_budget_that_cannot_pay_a_side_leaves_the_other_alone() -> None:
    def poor() -> EarningDesk:
        desk = empty_desk()
        desk.slices["fruit-shop", "marketing"].left_minor = 80 * 5 + 499
        return desk

    desk, _ = play([registers("bob"), registers("carol"), accepts("carol", "bob"), FIRST], poor)
    assert balances(desk) == {"carol": 80 + 50}, "what is left pays the invitee's 50 points, not the inviter's 100"
