"""What a pack may write in a rule: mistakes name what to write instead, and what no service feeds yet is refused."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.programs.fields import MisplacedError
from shared.programs.load import load_pack
from shared.programs.rules import AnyRule, require_agreement
from tests.unit.programs.packs import ONE_PER_YUAN, as_yaml

_RULE: TypeAdapter[Any] = TypeAdapter(AnyRule)
BONUS = {"rule_id": "bonus", "kind": "per_order", "points": 5, "budget_id": "marketing"}
DOUBLE = {"rule_id": "double", "kind": "multiplier", "factor": 2, "budget_id": "marketing"}


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({**DOUBLE, "factor": 1.5}, "fraction such as 3/2"),
        ({**DOUBLE, "factor": "1.5"}, "fraction such as 3/2"),
        ({**DOUBLE, "factor": "3/0"}, "greater than or equal to 1"),
        ({**DOUBLE, "factor": -1}, "greater than or equal to 0"),
        ({**DOUBLE, "of_rules": []}, "leave of_rules out"),
        ({**DOUBLE, "factor": "1/2", "caps": [{"points": 5, "per": "transaction"}]}, "nothing to cap"),
        ({**DOUBLE, "stackable": False}, "Extra inputs"),
        ({**ONE_PER_YUAN, "per_minor": 0}, "greater than or equal to 1"),
        ({**BONUS, "points": 0}, "greater than or equal to 1"),
        ({**BONUS, "when": {"hours": [{"from": "9:00", "to": "10:00"}]}}, "write it like 09:30"),
        ({**BONUS, "when": {"hours": [{"from": "09:00", "to": "09:00"}]}}, "must differ"),
        ({**BONUS, "when": {"hours": [{"from": "24:00", "to": "09:00"}]}}, "23:59 at the latest"),
        ({**BONUS, "when": {"weekdays": [0]}}, "greater than or equal to 1"),
        ({**BONUS, "when": {"lunar": {"dates": [{"month": 8, "day": 15}]}}}, "Field required"),
        ({**BONUS, "when": {"lunar": {"dates": [{"month": 8, "day": 30}], "leap_month_counts": True}}}, "equal to 29"),
        ({**BONUS, "when": {"member_day": False}}, "Input should be True"),
        ({**BONUS, "when": {"skus": ["a"], "sku": "a"}}, "Extra inputs"),
        ({**BONUS, "caps": [{"points": 5, "per": "week"}]}, "'transaction'"),
        ({"rule_id": "s", "kind": "sign_up", "points": 5, "budget_id": "b", "when": {"skus": ["a"]}}, "Extra inputs"),
    ],
)
def test_a_mistake_says_what_to_write(written: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _RULE.validate_python(written)


@pytest.mark.parametrize(
    ("written", "fraction"), [(2, (2, 1)), ("3/2", (3, 2)), (0, (0, 1)), ({"numerator": 5, "denominator": 4}, (5, 4))]
)
def test_a_factor_is_a_whole_number_or_a_fraction(written: object, fraction: tuple[int, int]) -> None:
    factor = _RULE.validate_python({**DOUBLE, "factor": written}).factor
    assert (factor.numerator, factor.denominator) == fraction


@pytest.mark.parametrize(
    ("rules", "location"),
    [
        ([{**DOUBLE, "of_rules": ["one-per-yuan"]}], ("rules", 0, "of_rules", 0)),
        ([BONUS, {**DOUBLE, "of_rules": ["bonus"]}], ("rules", 1, "of_rules", 0)),
        ([{**BONUS, "exclusive_group": "g"}, {**DOUBLE, "exclusive_group": "g"}], ("rules", 1, "exclusive_group")),
    ],
)
def test_rules_that_speak_of_each_other_agree(rules: list[dict[str, Any]], location: tuple[int | str, ...]) -> None:
    with pytest.raises(MisplacedError) as refused:
        require_agreement([_RULE.validate_python(rule) for rule in rules])
    assert refused.value.location == location
    require_agreement(
        [_RULE.validate_python(rule) for rule in (ONE_PER_YUAN, {**DOUBLE, "of_rules": ["one-per-yuan"]})]
    )


def test_the_rest_is_read() -> None:
    rules = [
        ONE_PER_YUAN,
        {**BONUS, "when": {"lunar_market_days": "逢一六", "min_spend_minor": 5_000}, "unless": {"first_order": True}},
        {**DOUBLE, "when": {"holidays": ["mid_autumn"]}, "caps": [{"points": 5, "per": "transaction"}]},
    ]
    pack = load_pack(as_yaml(rewards=[], filings=[], rules=rules), "shop.yaml")
    assert [rule.kind for rule in pack.rules] == ["rate", "per_order", "multiplier"]
