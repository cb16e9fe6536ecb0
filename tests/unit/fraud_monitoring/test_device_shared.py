"""Device shared: five different members within a day, each held for the own purchase; a family of four is not."""

from services.fraud_monitoring.detectors.device_shared import RULE, detect
from services.fraud_monitoring.domain.finding import Finding
from services.fraud_monitoring.domain.limits import DeviceSharedLimit
from services.fraud_monitoring.domain.window import Window
from tests.unit.fraud_monitoring.sights import OLDEST, PROGRAM, seen

LIMIT = DeviceSharedLimit()


def bought(*visits: tuple[str, int]) -> list[Finding]:
    window: Window = {}
    findings: list[Finding] = []
    for member, minute in visits:
        window, found = detect(window, PROGRAM, "phone", seen(member, minute, member=member), LIMIT, OLDEST)
        findings += found
    return findings


def test_the_fifth_member_makes_it_a_crowd() -> None:
    (finding,) = bought(*((f"m{number}", number * 200) for number in range(5)))
    assert (finding.rule, finding.value, finding.subject_key) == (RULE, 5, "fruit-shop/device/phone")
    assert {suspect.member for suspect in finding.suspects} == {f"m{number}" for number in range(5)}
    assert all(suspect.cause.member == suspect.member for suspect in finding.suspects), "each for the own purchase"


def test_four_members_are_a_family_however_often_they_buy() -> None:
    assert not bought(*((f"m{number % 4}", number * 5) for number in range(100)))


def test_five_over_a_week_are_not_together() -> None:
    assert not bought(*((f"m{number}", number * 1440) for number in range(5)))


def test_a_sixth_is_held_beside_the_five() -> None:
    findings = bought(*((f"m{number}", number * 10) for number in range(6)))
    assert {suspect.member for suspect in findings[-1].suspects} == {f"m{number}" for number in range(6)}
    assert len({(finding.identity, finding.period) for finding in findings}) == 1
