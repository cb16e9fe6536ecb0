"""The proportional refund policy: points go with the money, whatever the rules."""

from hypothesis import given
from hypothesis import strategies as st

from shared.events.purchase_completed import PurchaseCompleted
from tests.unit.earning.builders import line, purchase, purchases
from tests.unit.earning.rule_builders import facts_on, judged_by, refund_one_by_one, rule
from tests.unit.earning.test_claw_back import split_refunds

RULES = (rule("rate"), rule("fixed", "per_order", points=50, when={"min_spend_minor": 9_000}, budget_id="green"))


def test_each_grant_loses_its_share_of_the_money_floored_and_the_last_refund_takes_the_rest() -> None:
    program = judged_by(*RULES, refund_method="proportional")
    receipt = purchase(line(3_333, "1"), line(6_667, "2"))
    grants, took = refund_one_by_one(
        receipt, program, facts_on(), [[("1", 0, 101)], [("1", 1, 3_232)], [("2", 1, 6_667)]]
    )
    assert took == [1 + 0, 32 + 16, 67 + 34]
    assert {grant.budget_id: grant.clawed_back for grant in grants} == {"marketing": 100, "green": 50}


def test_lines_that_earned_nothing_count_as_money_too() -> None:
    program = judged_by(rule("rate"), refund_method="proportional")
    receipt = purchase(line(5_000, "1"), line(5_000, "2", earns=False))
    _, took = refund_one_by_one(receipt, program, facts_on(), [[("2", 1, 5_000)], [("1", 1, 5_000)]])
    assert took == [25, 25]


@given(st.data(), purchases())
def test_refunding_everything_in_any_split_leaves_nothing(data: st.DataObject, receipt: PurchaseCompleted) -> None:
    program = judged_by(*RULES, refund_method="proportional")
    refunds = data.draw(split_refunds(receipt, everything=True))
    grants, took = refund_one_by_one(receipt, program, facts_on(), refunds)
    assert all(grant.clawed_back == grant.points for grant in grants)
    assert all(taken >= 0 for taken in took)


def test_the_rest_goes_with_the_last_piece_whatever_money_came_back_for_it() -> None:
    program = judged_by(*RULES, refund_method="proportional")
    _, took = refund_one_by_one(
        purchase(line(10_000, quantity=2)), program, facts_on(), [[("1", 1, 3_000)], [("1", 1, 1)]]
    )
    assert took == [30 + 15, 70 + 35]
