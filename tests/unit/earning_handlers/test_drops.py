"""Recycling drops and their rejections on a desk without a database: any order, the same points."""

from datetime import timedelta
from itertools import permutations
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.earning.desk import EarningDesk
from shared.events.recycling_collected import RecyclingItem
from tests.unit.earning.builders import NOON
from tests.unit.earning_handlers.deeds import (
    balances,
    brings,
    counted,
    empty_desk,
    registers,
    rejects,
    weighed,
)
from tests.unit.earning_handlers.test_histories import Happening, play


def course(*happenings: Happening) -> EarningDesk:
    return play(happenings, empty_desk)[0]


def outcomes(desk: EarningDesk) -> dict[str, tuple[str, str | None]]:
    return {row.delivered.required_event.id: (row.outcome, row.code) for row in desk.decisions}


def test_a_drop_earns_green_points_by_each_tariff() -> None:
    items = (weighed("cardboard", 2_500), weighed("textiles", 1_500), counted("bottle", 7))
    desk = course(registers("alice"), brings(*items))
    assert balances(desk) == {"alice": 8 + 6 + 7}
    (granted,) = [row for row in desk.outbox if row.type.endswith("granted.v1")]
    data = orjson.loads(granted.payload or b"")["data"]
    assert (data["class"], data["budget_id"]) == ("GREEN_ACTION", "green")
    assert data["source"] == {"type": "greenpoints.recycling.collected.v1", "id": "drop-d1"}
    assert [(one["line_id"], one["sku"], one["points"]) for one in data["lines"]] == [
        ("1", "cardboard", 8), ("2", "textiles", 6), ("3", "bottle", 7)
    ]  # fmt: skip
    assert data["lines"][0]["rules"] == [{"rule_id": "climate", "points": 8}]


def test_a_drop_id_earns_once_per_program() -> None:
    again = brings(weighed("cardboard", 5_000))
    again = Happening("another-id", again.data, again.time + timedelta(minutes=1))
    desk = course(registers("alice"), brings(weighed("cardboard", 2_500)), again)
    assert balances(desk) == {"alice": 8}
    assert outcomes(desk)["another-id"] == ("declined", "DUPLICATE_EARN")


@pytest.mark.parametrize(
    ("drop", "code"),
    [
        (brings(weighed("cardboard", 180_000)), "WEIGHT_IMPLAUSIBLE"),
        (brings(weighed("cardboard", 2_500), scale_calibrated_on=None), "SCALE_CALIBRATION_EXPIRED"),
        (brings(weighed("cardboard", 2_500), station_id="nobody-s"), "EVIDENCE_MISSING"),
        (brings(counted("bottle", 7), photo_sha256=None), "EVIDENCE_MISSING"),
        (brings(weighed("electronics", 2_500)), "FACTOR_MISSING"),
        (brings(weighed("pet", 300)), "NO_QUALIFYING_TRANSACTION"),
        (brings(weighed("ashes", 300)), "NO_QUALIFYING_TRANSACTION"),
    ],
    ids=["too heavy", "no calibration", "no station", "no photo", "no factor", "less than a point", "no tariff"],
)
def test_a_drop_is_refused_with_its_code(drop: Happening, code: str) -> None:
    desk = course(registers("alice"), drop)
    assert outcomes(desk)["drop-d1"] == ("declined", code)
    assert balances(desk) == {}
    (told,) = [orjson.loads(row.payload or b"") for row in desk.outbox]
    assert told["data"]["code"] == code


def test_what_lacks_its_evidence_does_not_take_the_rest_with_it() -> None:
    items = (weighed("cardboard", 2_500), counted("bottle", 7), weighed("electronics", 900))
    desk = course(registers("alice"), brings(*items, photo_sha256=None))
    assert balances(desk) == {"alice": 8}
    assert outcomes(desk)["drop-d1"] == ("granted", "EVIDENCE_MISSING")
    declined = [orjson.loads(row.payload or b"")["data"] for row in desk.outbox if row.type.endswith("declined.v1")]
    assert [(one["code"], one["would_have_earned"]) for one in declined] == [
        ("EVIDENCE_MISSING", 7), ("FACTOR_MISSING", 0)
    ]  # fmt: skip


def test_a_rejection_takes_back_the_items_it_names_and_no_more_than_they_earned() -> None:
    items = (weighed("cardboard", 2_500), weighed("textiles", 1_500))
    base = (registers("alice"), brings(*items))
    assert balances(course(*base, rejects(weighed("textiles", 1_500)))) == {"alice": 8}
    assert balances(course(*base, rejects(weighed("textiles", 500)))) == {"alice": 8 + 4}
    assert balances(course(*base, rejects(*items))) == {"alice": 0}
    desk = course(*base, rejects(weighed("textiles", 9_000)))
    assert balances(desk) == {"alice": 8}
    assert outcomes(desk)["rejected"] == ("clawed_back", "OVER_REFUND")


def test_a_rejection_of_what_earned_nothing_takes_nothing() -> None:
    desk = course(registers("alice"), brings(weighed("pet", 300)), rejects(weighed("pet", 300)))
    assert outcomes(desk)["rejected"] == ("nothing_to_take", None)
    desk = course(registers("alice"), brings(weighed("cardboard", 2_500)), rejects(weighed("glass", 300)))
    assert outcomes(desk)["rejected"] == ("declined", "OVER_REFUND")
    assert balances(desk) == {"alice": 8}


def test_a_rejection_that_names_another_member_takes_nothing_in_either_order() -> None:
    members = (registers("alice"), registers("bob"))
    drop, foreign = brings(weighed("cardboard", 2_500)), rejects(weighed("cardboard", 2_500), member_id="bob")
    after = course(*members, drop, foreign)
    assert balances(after) == {"alice": 8}
    assert outcomes(after)["rejected"] == ("declined", "REFUND_MEMBER_MISMATCH")
    before = course(*members, foreign, drop)
    assert balances(before) == {"alice": 8}
    assert outcomes(before)["rejected"] == ("open_claim", "REFUND_WITHOUT_PURCHASE")


def test_every_order_of_registration_drop_and_rejections_gives_the_same_points() -> None:
    items = (weighed("cardboard", 2_500), weighed("cardboard", 1_100), weighed("textiles", 1_500))
    history = (
        registers("alice"),
        brings(*items),
        rejects(weighed("cardboard", 1_900), name="first"),
        rejects(weighed("cardboard", 1_000), weighed("textiles", 200), name="second"),
        rejects(weighed("textiles", 5_000), name="third"),
    )
    left = 700 * 3_460 // 1_000_000
    for order in permutations(history):
        desk = course(*order)
        assert balances(desk) == {"alice": left}, [happening.event_id for happening in order]
        assert all(rejection.settled for drop in desk.drops.values() for rejection in drop.rejections)


@st.composite
def histories(draw: st.DrawFn) -> list[Happening]:
    """Drops of two members, and rejections of them, some for more than was brought."""
    events = [registers("alice"), registers("bob")]
    materials = st.sampled_from(["cardboard", "pet", "textiles", "electronics", "ashes"])
    for number in range(draw(st.integers(1, 3))):
        member = draw(st.sampled_from(["alice", "bob"]))
        items: list[RecyclingItem] = [
            weighed(draw(materials), draw(st.integers(0, 9_000))) for _ in range(draw(st.integers(1, 4)))
        ]
        drop_id = f"d{number}"
        events.append(brings(*items, drop_id=drop_id, member_id=member))
        for turn in range(draw(st.integers(0, 3))):
            one = draw(st.sampled_from(items))
            gone = weighed(one.material, draw(st.integers(0, 10_000)))
            events.append(rejects(gone, drop_id=drop_id, member_id=member, name=f"{drop_id}-{turn}"))
    return events


@settings(max_examples=150, deadline=None, derandomize=True)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repeat_gives_the_same_points_and_cost(history: list[Happening], chance: Random) -> None:
    shuffled = [*history, *history]
    chance.shuffle(shuffled)
    desk, plain = course(*shuffled), course(*history)
    assert balances(desk) == balances(plain)
    grants = [grant for drop in desk.drops.values() for grant in drop.grants]
    for grant in grants:
        assert 0 <= grant.clawed_back <= grant.points == sum(line.points for line in grant.lines)
        assert grant.clawed_back == sum(line.clawed_back for line in grant.lines)
        assert (grant.cost_returned_minor == grant.cost_minor) == (grant.clawed_back == grant.points)
    spent = sum(entry.spent_minor for entry in desk.slices.values())
    assert spent == sum(grant.cost_minor - grant.cost_returned_minor for grant in grants)
    decided = sorted(row.delivered.required_event.id for row in desk.decisions)
    assert decided == sorted(happening.event_id for happening in history)


def test_a_drop_waits_for_its_member_and_is_declined_when_nobody_comes() -> None:
    desk = course(brings(weighed("cardboard", 2_500)), rejects(weighed("cardboard", 500)))
    assert (desk.decisions, len(desk.waiting)) == ([], 2)
    assert next(iter(desk.waiting.values())).arrival > NOON
