"""How numbers look: unknown is never 0, a little is never nothing, nearly all is never all."""

import pytest

from services.console import numbers


@pytest.mark.parametrize(
    ("per_second", "shown"),
    [(None, "–"), (0, "0"), (0.01, "<0.1"), (0.4, "0.4"), (9.94, "9.9"), (9.96, "10"), (1234.6, "1,235")],
)
def test_rates(per_second: float | None, shown: str) -> None:
    assert numbers.rate(per_second) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.02, "0.1 s"),
        (9.9, "9.9 s"),
        (10, "10 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7500, "2 h 05"),
        (200_000, "2 d"),
    ],
)
def test_durations(value: float | None, shown: str) -> None:
    assert numbers.seconds(value) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, "–"), (0, "0"), (9_999_999, "9,999,999"), (10_000_000, "10.0 M"), (12_399_999_999, "12,399.9 M")],
)
def test_numbers_of_a_tile_stay_short(number: int | None, shown: str) -> None:
    assert numbers.large(number) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), (0.0384, "38 ms"), (0.9996, "1.0 s"), (3.21, "3.2 s")])
def test_latencies(value: float | None, shown: str) -> None:
    assert numbers.milliseconds(value) == shown


@pytest.mark.parametrize(
    ("part", "shown"),
    [(None, "–"), (0, "0 %"), (0.0001, "<0.1 %"), (0.012, "1.2 %"), (0.5, "50 %"), (0.9999, "99.9 %"), (1, "100 %")],
)
def test_shares(part: float | None, shown: str) -> None:
    assert numbers.percent(part) == shown


def test_money_keeps_every_minor_unit() -> None:
    assert numbers.money(123_456_705, "CNY") == "1,234,567.05 CNY"
    assert numbers.money(-5, "CNY") == "-0.05 CNY"


def test_a_trend_runs_from_left_to_right_and_never_leaves_its_box() -> None:
    assert numbers.trend_points((0, 5, 10), 96, 20) == "0.0,20.0 48.0,10.0 96.0,0.0"
    assert numbers.trend_points((0, 0), 96, 20) == "0.0,20.0 96.0,20.0"
    assert numbers.trend_points((7,), 96, 20) == ""
