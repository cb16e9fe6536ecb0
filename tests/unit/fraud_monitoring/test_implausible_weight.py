"""Implausible weight: 150 kg within a day hold the grants of those drops, known before or after."""

from itertools import permutations

from services.fraud_monitoring.detectors.implausible_weight import RULE, Brought, detect_drop, detect_grant
from services.fraud_monitoring.domain.finding import Finding
from services.fraud_monitoring.domain.limits import ImplausibleWeightLimit
from tests.unit.fraud_monitoring.sights import OLDEST, PROGRAM, seen

LIMIT = ImplausibleWeightLimit()


def brought(*steps: tuple[str, str, int, int]) -> list[Finding]:
    """Steps are (drop or grant, the drop's name, minute, grams)."""
    state = Brought()
    findings: list[Finding] = []
    for what, name, minute, grams in steps:
        if what == "drop":
            state, found = detect_drop(state, PROGRAM, seen(name, minute, amount=grams), LIMIT, OLDEST)
        else:
            grant = seen(f"grant-{name}", minute, amount=10)
            state, found = detect_grant(state, PROGRAM, f"/pos/t1#{name}", grant, LIMIT, OLDEST)
        findings += found
    return findings


STORY = (("drop", "a", 0, 80_000), ("drop", "b", 60, 70_000), ("grant", "a", 0, 0), ("grant", "b", 60, 0))


def test_every_order_holds_both_grants_in_the_end() -> None:
    for order in permutations(STORY):
        findings = brought(*order)
        held = {suspect.grant_id for finding in findings for suspect in finding.suspects}
        assert held == {"grant-a", "grant-b"}, order
        assert {(finding.rule, finding.value, finding.period) for finding in findings} == {
            (RULE, 150_000, findings[0].period)
        }


def test_a_gram_less_is_a_garage_cleared() -> None:
    assert not brought(("drop", "a", 0, 80_000), ("drop", "b", 60, 69_999))


def test_the_same_drop_twice_weighs_once() -> None:
    assert not brought(*[("drop", "a", 0, 80_000)] * 5)


def test_two_days_are_two_days() -> None:
    assert not brought(("drop", "a", 0, 80_000), ("drop", "b", 25 * 60, 80_000))


def test_without_a_grant_there_is_a_case_and_nothing_to_hold() -> None:
    (finding,) = brought(("drop", "a", 0, 150_000))
    assert finding.suspects == ()


def test_grants_of_other_drops_stay_free() -> None:
    findings = brought(*STORY, ("drop", "c", -3000, 1_000), ("grant", "c", -3000, 0))
    assert {suspect.grant_id for finding in findings for suspect in finding.suspects} == {"grant-a", "grant-b"}
