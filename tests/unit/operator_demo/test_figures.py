"""The demo's figures, their words, and what its verdict hangs on."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from services.operator.audit import CheckResult, Verdict
from services.operator.audit.verdict import Difference
from services.operator.demo.compare import Row
from services.operator.demo.figures import Figures, Latency, latency_of, yuan
from services.operator.demo.per_service import published
from services.operator.demo.result import Result
from services.operator.demo.review import Review
from services.operator.demo.screen import Screen
from services.operator.demo.spend import Spent
from services.operator.demo.summary import show_summary
from services.operator.traffic.sent import Expectation, MemberExpectation

MILLISECOND = 1_000_000
FATES = {"applied": 9, "duplicate": 1, "ignored": 0, "forwarded": 0, "dead_lettered": 2}


def _verdict(differences: int = 0) -> Verdict:
    row = Difference("points differ", "p", "m", "lot", "1", "2")
    check = CheckResult(1, "points equation", "it adds up", 7, differences, [row] * differences, 0.01)
    return Verdict(
        datetime(2026, 5, 1, tzinfo=UTC),
        None,
        [check],
        {"issued": 3, "available": 3, "deficit": 0, "waived": 0},
        {"granted": 2},
        {},
    )


@pytest.fixture
def result() -> Result:
    expectation = Expectation(members={"a": MemberExpectation(3), "b": MemberExpectation()})
    return Result(
        expectations={"fruit-shop": expectation},
        figures=Figures(sent=12, by_http=5, by_kafka=7, issued=1_234, latency=latency_of([5 * MILLISECOND])),
        outcomes={"fruit-shop": [Row("granted", 2, 2)]},
        members_off=[],
        spent=Spent({"a": 3}, 1),
        review=Review({"DEVICE_SHARED": ["ring-1"]}),
        messages={"email sent": 7, "in_app sent": 9},
        verdict=_verdict(),
        restarts={"earning": 0},
        memory={"kafka": 300_000_000, "earning": 60_000_000},
        handled={"earning": FATES},
        work={"gateway": "7 events taken", "earning": "2 grants"},
        refused={},
        seconds={"until ready": 4.04, "until first points": 5.5},
    )


def _printed(result: Result) -> str:
    written = StringIO()
    show_summary(Screen(Console(file=written, width=150)), result)
    return written.getvalue()


def test_percentiles_are_nearest_ranks_rounded_up() -> None:
    assert latency_of([]) == Latency(0)
    assert latency_of([1]) == Latency(1, 1, 1, 1)
    assert latency_of([n * MILLISECOND for n in range(100, 0, -1)]) == Latency(100, 50, 95, 99)
    assert latency_of([MILLISECOND, 2 * MILLISECOND, 3 * MILLISECOND + 1]) == Latency(3, 2, 4, 4)


def test_money_is_shown_to_the_fen() -> None:
    assert [yuan(minor) for minor in (0, 5, 123_456_789)] == ["0.00", "0.05", "1,234,567.89"]


def test_the_line_names_lag_and_latency_even_before_anything_is_known() -> None:
    assert "lag ?  no probe yet" in Figures().line()
    assert "lag 3 + 4" in Figures(behind={"earning": 3, "redemption": 4}).line()


def test_the_summary_of_a_good_run(result: Result) -> None:
    text = _printed(result)
    assert "Events: 12 sent, 5 through the gateway and 7 by Kafka." in text
    assert "Memory: kafka 300 MB, earning 60 MB; 360 MB in all." in text
    assert "Times: 4.0 s until ready, 5.5 s until first points." in text
    assert re.search(r"│ earning +│ 2 grants +│ +60 MB │", text)
    assert "Messages: 7 email sent, 9 in_app sent." in text
    assert text.rstrip().endswith(
        "PASSED: all 2 members have exactly the points expected, the ring was found, and the audit is clean."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"members_off": ["a: expected 3"]}, "1 of 2 members have other points than expected"),
        ({"outcomes": {"fruit-shop": [Row("granted", 2, 1)]}}, "outcomes differ from the expected ones"),
        (
            {"review": Review({}, troubles=["ring-1 of the ring was not found"])},
            "the ring was not found, held and decided as it must be",
        ),
        ({"refused": {422: 1}}, "the gateway refused good events"),
        ({"restarts": {"earning": 1}}, "a service had to be restarted"),
        ({"verdict": _verdict(differences=1)}, "the audit is not clean"),
    ],
)
def test_anything_amiss_fails_the_run_and_is_named(result: Result, changes: dict[str, object], words: str) -> None:
    worse = replace(result, **changes)  # type: ignore[arg-type]
    assert result.passed
    assert not worse.passed
    assert _printed(worse).rstrip().endswith(f"FAILED: {words}.")


def test_the_gateways_own_count_is_summed_over_topics() -> None:
    counted = "greenpoints_gateway_events_published_total"
    text = f'# TYPE {counted} counter\n{counted}{{topic="a"}} 3.0\n{counted}{{topic="b"}} 4.0\nother 9.0\n'
    assert published(text) == 7


def test_too_much_memory_is_said(result: Result) -> None:
    assert "MORE than the 2,500 MB it may be" in _printed(replace(result, memory={"kafka": 2_600_000_000}))
