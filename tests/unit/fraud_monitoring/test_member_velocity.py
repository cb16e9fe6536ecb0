"""Member velocity: the 15th purchase within an hour, not the 14th, and no repeat."""

from services.fraud_monitoring.detectors.member_velocity import RULE, detect
from services.fraud_monitoring.domain.finding import Finding
from services.fraud_monitoring.domain.limits import MemberVelocityLimit
from services.fraud_monitoring.domain.window import Window
from tests.unit.fraud_monitoring.sights import OLDEST, PROGRAM, seen

LIMIT = MemberVelocityLimit()


def bought(minutes: list[int], *, times: int = 1) -> list[Finding]:
    window: Window = {}
    findings: list[Finding] = []
    for _ in range(times):
        for number, minute in enumerate(minutes):
            window, found = detect(window, PROGRAM, seen(f"p{number}", minute), LIMIT, OLDEST)
            findings += found
    return findings


def test_fifteen_within_an_hour_hold_the_member() -> None:
    (finding,) = bought([minute * 3 for minute in range(15)])
    assert (finding.rule, finding.value, finding.threshold) == (RULE, 15, 15)
    assert finding.subject_key == "fruit-shop/mia"
    assert [(suspect.member, suspect.grant_id) for suspect in finding.suspects] == [("mia", None)]
    assert finding.trigger.identity == "p14", "the last of them is the cause"


def test_fourteen_are_shopping_however_often_they_are_told() -> None:
    assert not bought([minute * 3 for minute in range(14)], times=3)


def test_fifteen_over_two_hours_are_shopping() -> None:
    assert not bought([minute * 8 for minute in range(15)])


def test_late_ones_complete_a_burst_across_the_hour() -> None:
    minutes = [*range(50, 70), 45]
    assert {finding.value for finding in bought(minutes)} >= {15}


def test_more_of_the_same_hour_is_the_same_accusation() -> None:
    findings = bought([minute * 2 for minute in range(25)])
    assert len({(finding.identity, finding.period) for finding in findings}) == 1
