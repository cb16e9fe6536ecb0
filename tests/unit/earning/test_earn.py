"""Facts of points.md and product.md about what a receipt earns."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.earning.domain.award import Award, AwardLine
from services.earning.domain.basis import explain_bases, line_bases
from services.earning.domain.earn import earn
from services.earning.domain.explain import explain
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.domain.returned import NOTHING_RETURNED, Returned
from services.earning.domain.rules import RULES
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.pack import ProgramPack
from shared.programs.rules import RULE_KINDS, RateRule
from tests.unit.earning.builders import line, program, programs, purchase, purchases

FACTS = EarnFacts()


def points(receipt: PurchaseCompleted, judged_by: CompiledProgram, returned: Returned = NOTHING_RETURNED) -> int:
    return sum(award.points for award in earn(receipt, returned, FACTS, judged_by))


def test_the_golden_purchase_earns_128_with_its_lines() -> None:
    receipt = purchase(line(10_000), line(2_800, "2"))
    assert earn(receipt, NOTHING_RETURNED, FACTS, program()) == (
        Award(
            "CONSUMPTION",
            "marketing",
            128,
            (AwardLine("1", 100, (("one-per-yuan", 100),)), AwardLine("2", 28, (("one-per-yuan", 28),))),
        ),
    )


def test_the_part_paid_with_points_earns_nothing() -> None:
    assert points(purchase(line(10_000), points=4_000), program()) == 60  # C03
    assert points(purchase(line(10_000), voucher=4_000), program()) == 60
    assert points(purchase(line(10_000), points=10_000), program()) == 0


@pytest.mark.parametrize("kind", ["gift_card", "cash", "wechat_pay", "alipay"])
def test_gift_cards_and_wallets_are_payment_and_earn(kind: str) -> None:
    receipt = purchase(line(10_000))
    tender = receipt.tenders[0].model_copy(update={"kind": kind})
    assert points(receipt.model_copy(update={"tenders": (tender,)}), program()) == 100


def test_the_share_paid_with_points_is_spread_over_all_lines_and_shipping() -> None:
    receipt = purchase(line(6_000), line(3_000, "2", earns=False), shipping=1_000, points=5_000)
    shares = [basis.share for basis in explain_bases(receipt, NOTHING_RETURNED, tax_excluded=False)]
    assert shares == [3_000, 1_500, 500]
    assert points(receipt, program()) == 30


@pytest.mark.parametrize(
    "fields",
    [{"earns": False}, {"category": "points"}, {"category": "stored_value"}, {"category": "gift_card"}],
)
def test_lines_that_never_earn(fields: dict[str, Any]) -> None:
    assert points(purchase(line(5_000), line(9_900, "2", **fields)), program()) == 50


def test_a_line_of_no_pieces_earns_nothing() -> None:
    assert points(purchase(line(5_000), line(0, "2", quantity=-3), line(700, "3", quantity=0)), program()) == 50


def test_shipping_earns_nothing() -> None:
    assert points(purchase(line(5_000), shipping=1_000), program()) == 50


def test_a_tax_excluding_program_takes_the_tax_off_each_line() -> None:
    receipt = purchase(line(11_300), line(1_130, "2", earns=False), tax_minor=1_430)
    assert line_bases(receipt, NOTHING_RETURNED, tax_excluded=True) == [10_000, 0]
    assert points(receipt, program(tax="excluded")) == 100
    assert points(receipt, program(tax="included")) == 113


def test_tax_on_the_part_paid_with_points_is_not_taken_off_twice() -> None:
    receipt = purchase(line(11_300), points=5_650, tax_minor=1_300)
    assert points(receipt, program(tax="excluded")) == 50
    thirds = purchase(line(3), points=1, tax_minor=1)
    assert line_bases(thirds, NOTHING_RETURNED, tax_excluded=True) == [1]


@pytest.mark.parametrize(("rounding", "expected"), [("floor", (1, 1, 1)), ("half_up", (1, 2, 2)), ("ceil", (2, 2, 2))])
def test_a_rule_s_own_sum_is_rounded_once(rounding: str, expected: tuple[int, ...]) -> None:
    rule = RateRule.model_validate(
        {"rule_id": "r", "budget_id": "marketing", "points": 1, "per_minor": 100, "rounding": rounding}
    )
    judged_by = program(rule)
    got = tuple(points(purchase(line(first), line(100, "2")), judged_by) for first in (49, 50, 51))
    assert got == expected


def test_three_lines_of_a_third_each_make_one_point_on_the_earliest_of_the_largest() -> None:
    (award,) = earn(purchase(line(33), line(34, "2"), line(34, "3")), NOTHING_RETURNED, FACTS, program())
    assert award.lines == (AwardLine("2", 1, (("one-per-yuan", 1),)),)


def test_one_award_per_class_and_budget_and_rules_add_up() -> None:
    judged_by = program(
        RateRule(rule_id="b", budget_id="marketing", points=2, per_minor=100),
        RateRule(rule_id="a", budget_id="marketing", points=1, per_minor=100),
        RateRule(rule_id="c", budget_id="green", points=1, per_minor=1_000, points_class="PROMO"),
        RateRule(rule_id="d", budget_id="green", points=9, per_minor=1, enabled=False),
        RateRule(rule_id="e", budget_id="green", points=1, per_minor=10**9),
    )
    awards = earn(purchase(line(5_000)), NOTHING_RETURNED, FACTS, judged_by)
    assert awards == (
        Award("CONSUMPTION", "marketing", 150, (AwardLine("1", 150, (("a", 50), ("b", 100))),)),
        Award("PROMO", "green", 5, (AwardLine("1", 5, (("c", 5),)),)),
    )


def test_awards_come_in_the_order_of_the_first_rule_that_gave_something() -> None:
    judged_by = program(
        RateRule(rule_id="a", budget_id="marketing", points=1, per_minor=10**9),
        RateRule(rule_id="b", budget_id="green", points=2, per_minor=100, points_class="PROMO"),
        RateRule(rule_id="c", budget_id="marketing", points=1, per_minor=100),
    )
    awards = earn(purchase(line(5_000)), NOTHING_RETURNED, FACTS, judged_by)
    told: Any = explain(purchase(line(5_000)), NOTHING_RETURNED, FACTS, judged_by)
    assert [award.points for award in awards] == [100, 50] == [award["points"] for award in told["awards"]]


def test_other_currency_other_merchant_and_listed_members_earn_nothing() -> None:
    receipt = purchase(line(5_000))
    assert points(receipt, program(merchants=("m-1",))) == 50
    assert points(receipt, program(merchants=("m-2",))) == 0
    assert points(receipt.model_copy(update={"currency": "USD"}), program()) == 0
    assert earn(receipt, NOTHING_RETURNED, EarnFacts(listed=True), program()) == ()


@given(purchases(), programs())
def test_parts_sum_to_wholes(receipt: PurchaseCompleted, judged_by: CompiledProgram) -> None:
    awards = earn(receipt, NOTHING_RETURNED, FACTS, judged_by)
    assert len({(award.points_class, award.budget_id) for award in awards}) == len(awards)
    for award in awards:
        assert award.points == sum(of_line.points for of_line in award.lines) > 0
        for of_line in award.lines:
            assert of_line.points == sum(of_rule for _, of_rule in of_line.rules) > 0
            assert all(of_rule > 0 for _, of_rule in of_line.rules)


@given(purchases(), st.booleans())
def test_the_short_way_to_the_basis_agrees_with_the_explained_one(
    receipt: PurchaseCompleted, tax_excluded: bool
) -> None:
    explained = explain_bases(receipt, NOTHING_RETURNED, tax_excluded)
    assert list(line_bases(receipt, NOTHING_RETURNED, tax_excluded)) == [basis.basis for basis in explained[:-1]]
    paid_so = sum(tender.amount_minor for tender in receipt.tenders if tender.kind in ("points", "voucher"))
    assert sum(basis.share for basis in explained) == paid_so
    assert all(0 <= basis.basis <= basis.net - basis.share for basis in explained)


@given(purchases(without_tenders=True), programs(tax="included"), st.integers(1, 5_000), st.data())
def test_more_spend_never_earns_less(
    receipt: PurchaseCompleted, judged_by: CompiledProgram, extra: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(receipt.lines) - 1))
    lines = list(receipt.lines)
    lines[place] = lines[place].model_copy(update={"net_minor": lines[place].net_minor + extra})
    assert points(purchase(*lines, shipping=receipt.shipping_minor), judged_by) >= points(receipt, judged_by)


@given(purchases(all_earn=True), programs(tax="included"), st.integers(1, 5_000))
def test_more_money_beside_the_same_points_never_earns_less(
    receipt: PurchaseCompleted, judged_by: CompiledProgram, extra: int
) -> None:
    tenders = {tender.kind: tender.amount_minor for tender in receipt.tenders}
    richer = purchase(
        *receipt.lines,
        line(extra, "more"),
        points=tenders.get("points", 0),
        voucher=tenders.get("voucher", 0),
    )
    assert points(richer, judged_by) >= points(receipt, judged_by)


@given(purchases(), programs())
def test_the_explanation_is_what_is_granted(receipt: PurchaseCompleted, judged_by: CompiledProgram) -> None:
    awards = earn(receipt, NOTHING_RETURNED, FACTS, judged_by)
    told = json.loads(json.dumps(explain(receipt, NOTHING_RETURNED, FACTS, judged_by)))
    assert told["totals"]["points"] == sum(award.points for award in awards)
    assert sum(one["points"] for one in told["lines"]) == told["totals"]["points"]
    assert sum(rule["result"] for rule in told["rules"]) == told["totals"]["points"]
    assert [award["points"] for award in told["awards"]] == [award.points for award in awards]
    assert told["totals"]["net_minor"] == receipt.total_minor
    for one in told["lines"]:
        earned = one["net_minor"] - one["paid_with_points_or_vouchers_minor"] - one["tax_minor"]
        assert one["basis_minor"] == (0 if one["excluded"] else earned)


def test_the_explanation_names_the_exact_fraction_and_the_reasons() -> None:
    receipt = purchase(line(10_050), line(500, "2", earns=False), points=4_220)
    told: Any = explain(receipt, NOTHING_RETURNED, FACTS, program())
    first, second, shipping = told["lines"]
    assert (first["paid_with_points_or_vouchers_minor"], first["code"]) == (4_020, "EARN_ON_POINTS_SPEND")
    assert (second["excluded"], second["basis_minor"]) == ("marked as not earning", 0)
    assert (shipping["line_id"], shipping["excluded"]) == (None, "shipping never earns")
    (rule,) = told["rules"]
    assert rule["inputs"] == {
        "points": 1,
        "per_minor": 100,
        "basis_minor": 6_030,
        "exact": {"numerator": 6_030, "denominator": 100},
        "rounding": "floor",
    }
    assert rule["result"] == 60
    assert told["awards"] == [
        {"points_class": "CONSUMPTION", "budget_id": "marketing", "points": 60, "expected_cost_minor": 300}
    ]


def test_a_receipt_out_of_scope_is_explained_as_such() -> None:
    told: Any = explain(purchase(line(5_000)), NOTHING_RETURNED, EarnFacts(listed=True), program())
    assert (told["out_of_scope"], told["rules"]) == ("the member is a listed party", [])
    assert told["totals"]["points"] == 0


def test_every_kind_a_pack_may_write_has_its_meaning() -> None:
    of_drops_and_members = {"material", "referral", "sign_up", "birthday", "activity"}
    assert RULES.keys() | {"multiplier"} | of_drops_and_members == RULE_KINDS.keys()


def test_a_pack_that_went_through_json_judges_alike() -> None:
    judged_by = program(tax="excluded")
    again = compile_program(ProgramPack.model_validate_json(judged_by.pack.model_dump_json()))
    receipt = purchase(line(11_300), tax_minor=1_300, points=500)
    assert earn(receipt, NOTHING_RETURNED, FACTS, again) == earn(receipt, NOTHING_RETURNED, FACTS, judged_by)


def test_a_budget_s_period_begins_and_ends_with_days_of_the_program_s_zone() -> None:
    budget = program().budgets["marketing"]
    assert budget.starts.isoformat() == "2025-12-31T16:00:00+00:00"
    assert budget.covers(budget.starts)
    assert not budget.covers(budget.ends)
