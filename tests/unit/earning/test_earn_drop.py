"""Material tariffs: exact by weight, piece and cited factor; whose weighing is believed; what a rejection leaves."""

from datetime import date, timedelta
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.earning.domain.award import Award
from services.earning.domain.earn_drop import earn_drop, refused_rules
from services.earning.domain.facts import UNLISTED, EarnFacts
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.domain.rejection import RejectedItem, amount_of, amounts_left, reject
from services.earning.domain.weighing import refusal_of_weighing
from shared.events.reason_codes import ReasonCode
from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.programs.load import load_pack
from shared.programs.rules import Cap, MaterialRule
from tests.unit.earning.builders import NOON
from tests.unit.earning_handlers.deeds import CLIMATE, KIOSK, TEXTILES, counted, drop, neighbourhood, weighed

PACK = Path(__file__).parents[3] / "deploy" / "programs" / "community-recycling.yaml"
FACTOR = {"cardboard": Fraction("3.46"), "pet": Fraction("1.15"), "aluminium_cans": Fraction("10.06")}
SHIPPED = compile_program(load_pack(PACK.read_text(encoding="utf-8"), PACK.name))
PROGRAM = compile_program(neighbourhood())


def points(brought: RecyclingCollected, program: CompiledProgram = PROGRAM) -> int:
    return sum(
        award.points for award in earn_drop(brought, [amount_of(item) for item in brought.items], program, UNLISTED)
    )


@pytest.mark.parametrize("program", [PROGRAM, SHIPPED], ids=["of the tests", "as shipped"])
@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (weighed("cardboard", 2_500), 8),
        (weighed("pet", 300), 0),
        (weighed("aluminium_cans", 1_200), 12),
        (weighed("electronics", 1_200), 0),
        (weighed("textiles", 1_500), 6),
        (weighed("textiles", 249), 0),
        (weighed("textiles", 250), 1),
        (counted("cardboard", 9), 0),
    ],
)
def test_the_figures_of_the_design(program: CompiledProgram, item: RecyclingItem, expected: int) -> None:
    assert points(drop(item), program) == expected


def test_every_factor_of_the_shipped_pack_cites_its_source() -> None:
    found = {factor.material: factor for factor in SHIPPED.pack.factors}
    assert {material: Fraction(factor.grams_co2e_per_kg, 1000) for material, factor in found.items()} == {
        "mixed_paper": Fraction("3.91"), "cardboard": Fraction("3.46"), "newspaper": Fraction("2.99"),
        "pet": Fraction("1.15"), "hdpe": Fraction("0.84"), "pp": Fraction("0.87"), "aluminium_cans": Fraction("10.06"),
        "steel_cans": Fraction("2.02"), "copper_wire": Fraction("4.95"), "glass": Fraction("0.31"),
    }  # fmt: skip
    assert {(factor.source, factor.version, factor.region) for factor in found.values()} == {
        ("US EPA WARM", "v16", "US")
    }


@given(
    st.lists(st.tuples(st.sampled_from(sorted(FACTOR)), st.integers(0, 60_000)), min_size=1, max_size=6),
    st.integers(1, 7),
)
def test_a_rule_s_sum_is_exact_and_rounded_once(brought: list[tuple[str, int]], k: int) -> None:
    rule = CLIMATE.model_copy(update={"points": k})
    (award,) = earn_drop(
        drop(*(weighed(material, grams) for material, grams in brought), weighed("cardboard", 1_000_000)),
        [*(grams for _, grams in brought), 1_000_000],
        compile_program(neighbourhood(rule)),
        UNLISTED,
    )
    exact = sum(
        Fraction(grams, 1000) * FACTOR[material] * k for material, grams in [*brought, ("cardboard", 1_000_000)]
    )
    assert award.points == floor(exact) == sum(line.points for line in award.lines)


@pytest.mark.parametrize(("rounding", "expected"), [("floor", 2), ("half_up", 3), ("ceil", 3)])
def test_a_tariff_rounds_as_it_says(rounding: str, expected: int) -> None:
    rule = MaterialRule.model_validate(
        {"rule_id": "r", "budget_id": "green", "materials": ["textiles"], "points": 1, "per_grams": 200,
         "rounding": rounding}
    )  # fmt: skip
    assert points(drop(weighed("textiles", 500)), compile_program(neighbourhood(rule))) == expected


DAY = NOON.date()


@pytest.mark.parametrize(
    ("brought", "code"),
    [
        (drop(weighed("pet", 60_000)), None),
        (drop(weighed("pet", 60_000), counted("bottle", 900)), None),
        (drop(weighed("pet", 30_001), weighed("cardboard", 30_000)), ReasonCode.WEIGHT_IMPLAUSIBLE),
        (drop(weighed("pet", 9), scale_calibrated_on=DAY - timedelta(days=365)), None),
        (drop(weighed("pet", 9), scale_calibrated_on=DAY - timedelta(days=366)), ReasonCode.SCALE_CALIBRATION_EXPIRED),
        (drop(weighed("pet", 9), scale_calibrated_on=DAY + timedelta(days=1)), ReasonCode.SCALE_CALIBRATION_EXPIRED),
        (drop(weighed("pet", 9), scale_calibrated_on=None), ReasonCode.SCALE_CALIBRATION_EXPIRED),
        (drop(counted("bottle", 9), scale_calibrated_on=None), None),
        (drop(RecyclingItem(material="pet", grams=9, scale_id="other")), ReasonCode.EVIDENCE_MISSING),
        (drop(RecyclingItem(material="pet", grams=9)), ReasonCode.EVIDENCE_MISSING),
        (drop(weighed("pet", 9), station_id="elsewhere"), ReasonCode.EVIDENCE_MISSING),
    ],
)
def test_whose_weighing_is_believed(brought: RecyclingCollected, code: ReasonCode | None) -> None:
    assert refusal_of_weighing(brought, DAY, {"kiosk": KIOSK}) == code


def test_a_station_that_asks_for_nothing_takes_any_scale() -> None:
    plain = KIOSK.model_copy(update={"scales": (), "calibration_days": None})
    brought = drop(RecyclingItem(material="pet", grams=9), scale_calibrated_on=None)
    assert refusal_of_weighing(brought, date(2026, 5, 10), {"kiosk": plain}) is None


ITEMS = (weighed("pet", 500), counted("pet", 3), weighed("pet", 700), weighed("paper", 400))


@given(st.permutations([("pet", True, 600), ("pet", True, 900), ("pet", False, 2), ("paper", True, 100)]))
def test_rejections_leave_the_same_in_any_order(asked: list[tuple[str, bool, int]]) -> None:
    rejected, beyond = [0, 0, 0, 0], 0
    for one in asked:
        rejected, too_much = reject(ITEMS, rejected, [RejectedItem(*one)])
        beyond += too_much
    assert amounts_left(ITEMS, rejected) == [0, 1, 0, 300]
    assert beyond == 1, "1,500 g of 1,200 were asked for; whoever comes second asks too much"


@given(
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 9_000)), min_size=1, max_size=6),
    st.integers(1, 90),
    st.integers(0, 90),
    st.sampled_from(["partial", "reject"]),
)
def test_a_cap_bounds_the_whole_and_a_rejection_takes_only_what_the_rest_would_not_have_had(
    brought: list[tuple[int, int]], most: int, left: int, over: str
) -> None:
    """Each item: the grams brought, and how many of them are rejected later."""
    cap = Cap.model_validate({"points": most, "per": "member_day", "over": over})
    program = compile_program(neighbourhood(TEXTILES.model_copy(update={"caps": (cap,)})))
    facts = EarnFacts(left={("textiles", "member_day"): min(most, left)})
    plain = compile_program(neighbourhood(TEXTILES))
    dropped = drop(*(weighed("textiles", grams) for grams, _ in brought))
    whole, rest = [grams for grams, _ in brought], [max(0, grams - gone) for grams, gone in brought]

    def total(awards: tuple[Award, ...]) -> int:
        assert all(award.points == sum(line.points for line in award.lines) for award in awards)
        return sum(award.points for award in awards)

    asked = total(earn_drop(dropped, whole, plain, UNLISTED))
    given_to_it = total(earn_drop(dropped, whole, program, facts))
    assert given_to_it == (asked if asked <= min(most, left) else min(most, left) if over == "partial" else 0)
    assert [rule.code for rule in refused_rules(dropped, program, facts)] == (
        [ReasonCode.CAP_REACHED] if asked and not given_to_it else []
    )
    granting = frozenset({"textiles"}) if given_to_it else frozenset[str]()
    stays = total(earn_drop(dropped, rest, program, facts, granting))
    assert stays == min(given_to_it, total(earn_drop(dropped, rest, plain, UNLISTED)))
