"""Refund soon after earning: three receipts refunded within three days of earning, in a week."""

from services.fraud_monitoring.detectors.refund_after_earning import RULE, Earned, Grant, detect, remember_grant
from services.fraud_monitoring.domain.finding import Finding
from services.fraud_monitoring.domain.limits import MINUTE, RefundAfterEarningLimit
from tests.unit.fraud_monitoring.sights import MORNING, OLDEST, PROGRAM, seen

LIMIT = RefundAfterEarningLimit()
DAY = 24 * 60


def refunded(receipts: int, *, after: int, apart: int = 10, grants: int = 1, times: int = 1) -> list[Finding]:
    """Receipts with so many grants each, refunded `after` minutes later."""
    earned = Earned()
    findings: list[Finding] = []
    for receipt in range(receipts):
        at = receipt * apart
        for number in range(grants):
            grant = Grant(MORNING + at * MINUTE, f"/pos/t1#r{receipt}")
            earned = remember_grant(earned, f"g{receipt}.{number}", grant, OLDEST)
        for _ in range(times):
            for number in range(grants):
                claw_back = seen(f"c{receipt}.{number}", at + after, other=f"g{receipt}.{number}")
                earned, found = detect(earned, PROGRAM, claw_back, LIMIT, OLDEST)
                findings += found
    return findings


def test_three_receipts_refunded_the_next_day_hold_the_member() -> None:
    finding = refunded(3, after=DAY)[0]
    assert (finding.rule, finding.value, finding.subject_key) == (RULE, 3, "fruit-shop/mia")
    assert [suspect.member for suspect in finding.suspects] == ["mia"]


def test_two_receipts_are_two_whatever_they_granted_and_however_often_they_are_refunded() -> None:
    assert not refunded(2, after=60, grants=3, times=4)


def test_a_refund_after_three_days_is_not_soon() -> None:
    assert refunded(3, after=3 * DAY)
    assert not refunded(3, after=3 * DAY + 1)


def test_three_in_a_month_are_not_a_habit() -> None:
    assert not refunded(3, after=60, apart=8 * DAY)


def test_a_claw_back_of_an_unknown_grant_counts_nothing() -> None:
    earned, found = detect(Earned(), PROGRAM, seen("c", other="g"), LIMIT, OLDEST)
    assert (earned, found) == (Earned(), [])
