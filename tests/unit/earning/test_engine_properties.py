"""What holds for every program, receipt and refund, whatever the rules."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.earning.domain.award import Award
from services.earning.domain.earn import earn
from services.earning.domain.explain import explain
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import compile_program
from services.earning.domain.returned import NOTHING_RETURNED
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.pack import ProgramPack
from tests.unit.earning.builders import purchase
from tests.unit.earning.plain_reference import reference
from tests.unit.earning.rule_builders import refund_one_by_one
from tests.unit.earning.rule_strategies import baskets, facts, packs
from tests.unit.earning.test_claw_back import split_refunds


def total(awards: tuple[Award, ...]) -> int:
    return sum(award.points for award in awards)


def by_rule_and_line(receipt: PurchaseCompleted, awards: tuple[Award, ...]) -> dict[tuple[str, int], int]:
    numbers = {one.line_id: number for number, one in enumerate(receipt.lines)}
    return {
        (rule_id, numbers.get(line.line_id, len(numbers))): points
        for award in awards
        for line in award.lines
        for rule_id, points in line.rules
    }


@settings(max_examples=400)
@given(baskets(), packs(), facts())
def test_the_compiled_rules_give_what_the_plain_reading_gives(
    receipt: PurchaseCompleted, terms: ProgramPack, known: EarnFacts
) -> None:
    awards = earn(receipt, NOTHING_RETURNED, known, compile_program(terms))
    assert by_rule_and_line(receipt, awards) == reference(receipt, NOTHING_RETURNED, known, terms)


@settings(max_examples=150)
@given(st.data(), baskets(), packs(), facts())
def test_and_so_they_do_for_what_remains_after_refunds(
    data: st.DataObject, receipt: PurchaseCompleted, terms: ProgramPack, known: EarnFacts
) -> None:
    returned = NOTHING_RETURNED
    for refund in data.draw(split_refunds(receipt, everything=False)):
        returned = returned.plus(refund)
    awards = earn(receipt, returned, known, compile_program(terms))
    assert by_rule_and_line(receipt, awards) == reference(receipt, returned, known, terms)


@given(baskets(), packs(), facts())
def test_parts_sum_to_wholes_and_each_rule_pays_from_its_budget(
    receipt: PurchaseCompleted, terms: ProgramPack, known: EarnFacts
) -> None:
    awards = earn(receipt, NOTHING_RETURNED, known, compile_program(terms))
    budgets = {rule.rule_id: rule.budget_id for rule in terms.rules}
    assert len({(award.points_class, award.budget_id) for award in awards}) == len(awards)
    for award in awards:
        assert award.points == sum(line.points for line in award.lines) > 0
        for line in award.lines:
            assert line.points == sum(points for _, points in line.rules) > 0
            assert all(points > 0 for _, points in line.rules)
            assert {budgets[rule_id] for rule_id, _ in line.rules} == {award.budget_id}


@settings(max_examples=150)
@given(st.data(), baskets(), packs(), facts())
def test_refunding_everything_in_any_split_returns_to_exactly_nothing_and_never_earns(
    data: st.DataObject, receipt: PurchaseCompleted, terms: ProgramPack, known: EarnFacts
) -> None:
    refunds = data.draw(split_refunds(receipt, everything=True))
    grants, took = refund_one_by_one(receipt, compile_program(terms), known, refunds)
    assert all(line.clawed_back == line.points for grant in grants for line in grant.lines)
    assert all(taken >= 0 for taken in took)
    assert sum(took) == sum(grant.points for grant in grants)


@given(st.data(), baskets(), packs(), facts())
def test_the_rules_may_stand_in_the_file_in_any_order(
    data: st.DataObject, receipt: PurchaseCompleted, terms: ProgramPack, known: EarnFacts
) -> None:
    shuffled = terms.model_copy(update={"rules": tuple(data.draw(st.permutations(terms.rules)))})
    one, other = compile_program(terms), compile_program(shuffled)
    assert earn(receipt, NOTHING_RETURNED, known, one) == earn(receipt, NOTHING_RETURNED, known, other)


@given(st.lists(st.tuples(baskets(), facts()), min_size=2, max_size=4), packs(), st.data())
def test_other_receipts_before_it_and_the_same_one_again_change_nothing(
    sales: list[tuple[PurchaseCompleted, EarnFacts]], terms: ProgramPack, data: st.DataObject
) -> None:
    program = compile_program(terms)
    alone = [earn(receipt, NOTHING_RETURNED, known, compile_program(terms)) for receipt, known in sales]
    for place in data.draw(st.permutations([*range(len(sales)), 0])):
        receipt, known = sales[place]
        assert earn(receipt, NOTHING_RETURNED, known, program) == alone[place]


@settings(max_examples=200)
@given(st.data(), baskets(without_tenders=True), packs(monotone=True), facts(), st.integers(1, 20_000))
def test_more_spend_never_earns_less_unless_a_rule_says_so(
    data: st.DataObject, receipt: PurchaseCompleted, terms: ProgramPack, known: EarnFacts, extra: int
) -> None:
    """Rules that say so: stop, max_spend, unless, a cap that rejects, a factor below 1, a multiplier of some lines,
    one of a group that does not stack.
    """
    program = compile_program(terms)
    place = data.draw(st.integers(0, len(receipt.lines) - 1))
    lines = list(receipt.lines)
    lines[place] = lines[place].model_copy(update={"net_minor": lines[place].net_minor + extra})
    kept: dict[str, Any] = {"store_id": receipt.store_id, "channel": receipt.channel}
    richer = purchase(*lines, shipping=receipt.shipping_minor, **kept)
    before = total(earn(receipt, NOTHING_RETURNED, known, program))
    assert total(earn(richer, NOTHING_RETURNED, known, program)) >= before


@settings(max_examples=150)
@given(baskets(), packs(), facts())
def test_the_explanation_is_what_is_granted_and_every_rule_says_why_not(
    receipt: PurchaseCompleted, terms: ProgramPack, known: EarnFacts
) -> None:
    program = compile_program(terms)
    awards = earn(receipt, NOTHING_RETURNED, known, program)
    told = json.loads(json.dumps(explain(receipt, NOTHING_RETURNED, known, program)))
    assert [award["points"] for award in told["awards"]] == [award.points for award in awards]
    assert told["totals"]["points"] == total(awards) == sum(rule["result"] for rule in told["rules"])
    assert sum(line["points"] for line in told["lines"]) == total(awards)
    assert [rule["rule_id"] for rule in told["rules"]] == [rule.rule_id for rule in program.rules]
    for rule in told["rules"]:
        assert rule["applies"] is (rule["why_not"] is None), rule
        assert rule["result"] == sum(line["points"] for line in rule["lines"])
