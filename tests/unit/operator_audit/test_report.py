"""The report on a terminal, and the verdict's one line."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from services.operator.audit.report import print_report
from tests.unit.operator_audit.verdicts import verdict


def printed(differences: int) -> str:
    page = StringIO()
    print_report(verdict(differences), Console(width=160, file=page))
    return page.getvalue()


def test_the_verdict_counts_checks_and_rows() -> None:
    assert verdict().clean
    assert verdict().sentence == "Clean: 2 checks over 1,234 rows, no difference."
    assert not verdict(7).clean
    assert verdict(7).failed() == {"budgets"}
    assert "fruit-shop" in verdict(7).text() and "fruit-shop" not in verdict().text()
    assert verdict(7).sentence == "NOT CLEAN: 7 rows differ in 1 of 2 checks (4 budgets)."


def test_checks_that_had_nothing_to_look_at_are_named() -> None:
    partly = replace(verdict(), left_out={"cases": ["fraud_monitoring"], "notices": ["notification"]})
    assert partly.clean
    assert partly.sentence == (
        "Clean: 2 checks over 1,234 rows, no difference. "
        "Not looked at: 2, for fraud_monitoring and notification never ran."
    )
    assert partly.to_json()["left_out"] == {"cases": ["fraud_monitoring"], "notices": ["notification"]}


def test_the_equation_subtracts_what_is_owed_and_waived() -> None:
    assert "1,100 issued = 1,200 available − 100 deficit − 0 waived" in printed(0)
    assert "2 in earning's outbox" in printed(0)


def test_differing_rows_are_shown_as_they_are() -> None:
    text = printed(7)
    assert "4 budgets: 7 rows differ, the first 1" in text
    assert "ann [red]" in text, "an identifier is no markup"
    assert "rows differ" not in printed(0)
