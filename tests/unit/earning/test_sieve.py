"""The sieve finds exactly the rules whose conditions hold, whatever it remembers from receipts before."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.earning.domain.basket import Basket
from services.earning.domain.earn import basket_of
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.domain.returned import NOTHING_RETURNED
from services.earning.domain.sieve import Sieve
from shared.calendar.unpublished import CalendarYearUnpublishedError
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.pack import ProgramPack
from tests.unit.earning.builders import line, purchase
from tests.unit.earning.rule_builders import facts_on, judged_by, rule
from tests.unit.earning.rule_strategies import baskets, facts, packs
from tests.unit.earning.test_conditions import GOLD


def sifted(basket: Basket, known: EarnFacts, program: CompiledProgram) -> list[str]:
    return [one.rule_id for one in program.sieve.chosen(program.sieve.sift(basket, known)[0])]


def asked_one_by_one(basket: Basket, known: EarnFacts, program: CompiledProgram) -> list[str]:
    """Every condition of every rule, as it was compiled."""
    holding = []
    for one in program.rules:
        conditions, own = one.conditions, basket.bases if one.counted is None else one.counted(basket)
        holds = (
            all(test(known.day) for _, test in conditions.day if known.day is not None)
            and all(test(known) for _, test in conditions.member)
            and all(test(basket.purchase) for _, test in conditions.receipt)
            and all(test(sum(basket.bases)) for _, test in conditions.whole)
        )
        if holds and any(own):
            holding.append(one.rule_id)
    return holding


@settings(max_examples=200)
@given(st.lists(st.tuples(baskets(), facts()), min_size=1, max_size=6), packs())
def test_it_finds_the_rules_that_asking_each_finds(
    receipts: list[tuple[PurchaseCompleted, EarnFacts]], terms: ProgramPack
) -> None:
    program = compile_program(terms)
    for receipt, known in receipts * 2:  # the second time from memory
        basket = basket_of(receipt, NOTHING_RETURNED, program)
        assert sifted(basket, known, program) == asked_one_by_one(basket, known, program)


def test_what_it_remembers_is_bounded_and_changes_no_answer() -> None:
    program = judged_by(
        rule("a", when={"skus": ["pear-1", "pear-5"]}),
        rule("b", unless={"skus": ["pear-5"]}),
        rule("c", when={"weekdays": [6]}),
    )
    program = replace(program, sieve=Sieve(program.rules, most=3))
    for number in range(50):
        basket = basket_of(purchase(line(100, sku=f"pear-{number % 7}")), NOTHING_RETURNED, program)
        known = facts_on(date(2026, 5, 1 + number % 28))
        assert sifted(basket, known, program) == asked_one_by_one(basket, known, program)
        assert len(program.sieve._days) <= 3 >= len(program.sieve._chosen)


def test_a_condition_that_nothing_looks_up_is_refused_when_the_version_is_compiled() -> None:
    (compiled,) = judged_by(rule("a", when={"tiers": ["gold"]}), tiers=GOLD).rules
    weather = compiled.conditions._replace(member=(("when.weather", lambda _: True),))
    with pytest.raises(ValueError, match=r"nothing says what condition when\.weather looks at"):
        Sieve([replace(compiled, conditions=weather)])


def test_days_off_that_nobody_has_published_are_no_guess_and_are_not_remembered() -> None:
    program = judged_by(rule("a"), rule("b", "multiplier", factor=2, when={"statutory": ["holiday"]}))
    basket = basket_of(purchase(line(100)), NOTHING_RETURNED, program)
    for _ in range(2):
        with pytest.raises(CalendarYearUnpublishedError):
            sifted(basket, facts_on(date(2027, 5, 1)), program)
    with pytest.raises(ValueError, match="asks for the day"):
        sifted(basket, EarnFacts(), program)
