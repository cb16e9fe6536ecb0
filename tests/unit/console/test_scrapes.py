"""What counters and histograms say, over restarts and gaps."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from services.console.readings.scrapes import Scrape, increase, latest, parse, per_second, quantile

EVENTS = "greenpoints_events_total"


def look(at: float, **fates: float) -> Scrape:
    values = {(EVENTS, frozenset({("service", "earning"), ("fate", fate)})): n for fate, n in fates.items()}
    return Scrape(at, values, frozenset({EVENTS}))


def test_an_increase_adds_every_sample_that_has_the_labels() -> None:
    looks = [look(0, applied=10, duplicate=1), look(1, applied=15, duplicate=3)]
    assert increase(looks, EVENTS, {"service": "earning"}, 60) == 7
    assert increase(looks, EVENTS, {"fate": "applied"}, 60) == 5
    assert increase(looks, EVENTS, {"service": "redemption"}, 60) == 0


def test_a_process_that_began_anew_counts_from_zero() -> None:
    assert increase([look(0, applied=1000), look(1, applied=4)], EVENTS, {}, 60) == 4


def test_only_the_window_counts_and_the_rate_is_over_what_was_seen() -> None:
    looks = [look(0, applied=0), look(50, applied=100), look(60, applied=130)]
    assert increase(looks, EVENTS, {}, 10) == 30
    assert per_second(looks, EVENTS, {}, 10) == 3
    assert per_second(looks, EVENTS, {}, 600) == pytest.approx(130 / 60)


def test_a_counter_without_samples_is_zero_and_one_that_is_not_there_unknown() -> None:
    registry = CollectorRegistry()
    Counter("greenpoints_things", "Things.", ["service"], registry=registry)
    looks = [parse(at, generate_latest(registry).decode()) for at in (0, 1)]
    assert increase(looks, "greenpoints_things_total", {}, 60) == 0
    assert increase(looks, "greenpoints_other_total", {}, 60) is None


def test_one_look_says_nothing() -> None:
    assert increase([look(0, applied=5)], EVENTS, {}, 60) is None
    assert per_second([], EVENTS, {}, 60) is None
    assert latest([], EVENTS, {}) is None


def test_what_a_process_serves_is_understood_and_the_rest_left_out() -> None:
    registry = CollectorRegistry()
    handled = Counter("greenpoints_things", "Things.", ["service"], registry=registry)
    Counter("python_things", "Not ours.", registry=registry).inc(3)
    first = parse(0, generate_latest(registry).decode())
    handled.labels("earning").inc(4)
    second = parse(1, generate_latest(registry).decode())
    assert increase([first, second], "greenpoints_things_total", {"service": "earning"}, 60) == 4
    assert all(name.startswith("greenpoints_") for name, _ in second.values)


def test_a_quantile_lies_between_the_bounds_of_its_bucket_over_all_processes() -> None:
    looks = []
    for _ in range(2):
        registry = CollectorRegistry()
        seen = Histogram("greenpoints_j_seconds", "J.", buckets=(0.1, 0.2, 1), registry=registry)
        before = parse(0, generate_latest(registry).decode())
        for value in (0.05, 0.15, 0.15, 0.15):
            seen.observe(value)
        looks.append([before, parse(1, generate_latest(registry).decode())])
    assert quantile(looks, "greenpoints_j_seconds", {}, 0.25, 60) == pytest.approx(0.1)
    assert quantile(looks, "greenpoints_j_seconds", {}, 1.0, 60) == pytest.approx(0.2)
    assert quantile(looks, "greenpoints_j_seconds", {}, 0.625, 60) == pytest.approx(0.15)


def test_a_quantile_is_unknown_where_nothing_was_seen_or_above_the_last_bound() -> None:
    registry = CollectorRegistry()
    seen = Histogram("greenpoints_j_seconds", "J.", buckets=(0.1,), registry=registry)
    before = parse(0, generate_latest(registry).decode())
    assert quantile([[before, before]], "greenpoints_j_seconds", {}, 0.5, 60) is None
    seen.observe(5)
    after = parse(1, generate_latest(registry).decode())
    assert quantile([[before, after]], "greenpoints_j_seconds", {}, 0.5, 60) is None
