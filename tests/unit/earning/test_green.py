"""C12: a green multiplier works on lines under a certificate that is good on the day; base points are always kept."""

from datetime import date
from typing import Any

import pytest

from services.earning.domain.claw_back import claw_back
from services.earning.domain.earn import earn
from services.earning.domain.explain import explain
from services.earning.domain.program import CompiledProgram
from services.earning.domain.refused_green import NOTHING_REFUSED, refused_green
from services.earning.domain.returned import NOTHING_RETURNED
from shared.events.purchase_completed import PurchaseCompleted
from tests.unit.earning.builders import granted, line, purchase
from tests.unit.earning.rule_builders import by_rule, facts_on, judged_by, rule

LAST_DAY = date(2026, 5, 9)
CERTIFICATES = (
    {"certificate_number": "G-1", "scope": {"labels": ["green"]}, "valid_to": "2026-05-09"},
    {"certificate_number": "G-2", "scope": {"skus": ["soap"], "categories": ["care"]}, "valid_to": "2030-01-01"},
)


def shop(**changes: Any) -> CompiledProgram:
    fields = {"green": True, "factor": 3, **changes}
    return judged_by(rule("base"), rule("green", "multiplier", **fields), green_certificates=CERTIFICATES)


def bill(**fields: Any) -> PurchaseCompleted:
    """20 yuan under no certificate, and 10 yuan with these fields."""
    return purchase(line(2_000), line(1_000, "2", **fields))


GREEN: dict[str, Any] = {"labels": ("green",)}


@pytest.mark.parametrize(
    ("day", "fields", "points", "would"),
    [
        (LAST_DAY, GREEN, 20, 0),
        (LAST_DAY, {**GREEN, "green_certificate": "G-1"}, 20, 0),
        (date(2026, 5, 10), GREEN, 0, 20),
        (date(2026, 5, 10), {**GREEN, "green_certificate": "G-1"}, 0, 20),
        (LAST_DAY, {**GREEN, "green_certificate": "G-2"}, 0, 20),
        (LAST_DAY, {"green_certificate": "G-1"}, 0, 20),
        (LAST_DAY, {**GREEN, "green_certificate": "forged"}, 0, 20),
        (LAST_DAY, {}, 0, 0),
        (LAST_DAY, {"sku": "soap", "category": "care"}, 20, 0),
        (LAST_DAY, {"sku": "soap"}, 0, 0),
    ],
    ids=[
        "last day", "named", "a day late", "named, a day late", "another's certificate", "beyond its scope", "unknown",
        "no claim", "all lists match", "one list does not",
    ],
)  # fmt: skip
def test_base_points_are_kept_and_the_multiplier_refused(
    day: date, fields: dict[str, Any], points: int, would: int
) -> None:
    receipt, facts, program = bill(**fields), facts_on(day), shop()
    given = by_rule(receipt, program, facts)
    assert given == {"base": 30} | ({"green": points} if points else {})
    refused = refused_green(receipt, facts, program, earn(receipt, NOTHING_RETURNED, facts, program))
    assert refused == ((("2",), would) if would else NOTHING_REFUSED)


def test_conditions_narrow_it_further_and_a_spend_of_its_own_lines_is_that_of_the_green_ones() -> None:
    receipt = purchase(line(5_000), line(1_000, "2", **GREEN), line(1_000, "3", brand="leaf", **GREEN))
    assert by_rule(receipt, shop())["green"] == 40
    assert by_rule(receipt, shop(when={"brands": ["leaf"]}))["green"] == 20
    own = {"min_spend_minor": 2_001, "spend_of": "own_lines"}
    assert "green" not in by_rule(receipt, shop(when=own))
    assert by_rule(receipt, shop(when={**own, "min_spend_minor": 2_000}))["green"] == 40


def test_shipping_is_under_no_certificate() -> None:
    program = judged_by(
        rule("base"), rule("green", "multiplier", green=True, factor=2),
        green_certificates=CERTIFICATES, basis={"shipping_earns": True},
    )  # fmt: skip
    assert by_rule(purchase(line(1_000, **GREEN), shipping=500), program) == {"base": 15, "green": 10}


def test_a_stop_of_a_green_rule_without_green_lines_ends_nothing() -> None:
    program = judged_by(
        rule("a-green", "multiplier", green=True, factor=2, stop=True, priority=5), rule("base"),
        green_certificates=CERTIFICATES,
    )  # fmt: skip
    assert by_rule(bill(), program) == {"base": 30}
    assert by_rule(bill(**GREEN), program) == {}, "evaluation ended before any rate"


def test_a_refund_takes_the_green_part_by_the_certificate_as_it_was() -> None:
    receipt, facts, program = bill(**GREEN), facts_on(LAST_DAY), shop()
    grants = granted(earn(receipt, NOTHING_RETURNED, facts, program), program)
    back = NOTHING_RETURNED.plus([("2", 1, 1_000)])
    assert sum(taking.points for taking in claw_back(receipt, back, facts, program, grants)) == 30


def test_the_explanation_says_why_and_agrees() -> None:
    facts = facts_on(date(2026, 5, 10))
    told = {one["rule_id"]: one for one in explain(bill(**GREEN), NOTHING_RETURNED, facts, shop())["rules"]}  # type: ignore[attr-defined]
    assert told["green"]["applies"] is False
    assert "green certificate" in told["green"]["why_not"]
    assert told["green"]["inputs"]["green"] is True
