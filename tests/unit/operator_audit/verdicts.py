"""Verdicts for the tests of this folder."""

from datetime import UTC, datetime

from services.operator.audit.verdict import CheckResult, Difference, Verdict

ROW = Difference("lot and journal differ", "fruit-shop", "ann [red]", "lot 1", "100", "101")


def verdict(differences: int = 0) -> Verdict:
    """Two checks; the second finds as many differences as asked for, and shows the first."""
    return Verdict(
        taken_at=datetime(2026, 5, 1, 12, tzinfo=UTC),
        programs=None,
        results=(
            CheckResult(1, "lots", "lots add up", 1_000, 0, (), 0.01),
            CheckResult(4, "budgets", "money adds up", 234, differences, (ROW,) if differences else (), 0.02),
        ),
        accounts={"issued": 1_100, "available": 1_200, "deficit": 100, "waived": 0},
        outcomes={"granted": 11, "waiting": 1},
        under_way={"in earning's outbox": 2},
    )
