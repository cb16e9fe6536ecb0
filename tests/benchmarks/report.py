"""The figures as a table for people and as JSON for machines."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.comparison import Comparison
from tests.benchmarks.latency import Latency
from tests.benchmarks.machine import Machine
from tests.benchmarks.notifier import Notifier
from tests.benchmarks.report_spine import LATENCY_TARGET, verdict
from tests.benchmarks.result import Result
from tests.benchmarks.rules import TARGET_US, RuleCost
from tests.benchmarks.slices import TARGET_PERCENT
from tests.benchmarks.till import P99_TARGET, RATE_TARGET, TillFigures

FLOOR_TARGET, NAIVE_TARGET = 0.8, 20.0


def machine_lines(machine: Machine) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    others = ", ".join(f"{name} {share:.0%}" for name, share in machine.others.items()) or "nothing that counts"
    load = " ".join(f"{value:.2f}" for value in machine.load_average)
    return [
        f"{machine.cores} cores ({machine.processor}), {machine.memory_gib} GiB; {versions}; fsync on",
        f"load average before: {load}; also running, in shares of a core: {others}",
    ]


def comparison_lines(comparisons: Sequence[Comparison]) -> list[str]:
    lines = [
        f"{'one worker process':<30}{'events/s':>9}{'floor':>8}{'ratio':>7}  {'target':<14}"
        f"{'Python':>8}{'PgSQL':>8}{'floor':>8}{'WAL':>8}"
    ]
    lines.append(f"{'':<30}{'':>9}{'ev/s':>8}{'':>7}  {'':<14}{'µs/ev':>8}{'µs/ev':>8}{'µs/ev':>8}{'B/ev':>8}")
    for one in comparisons:
        name = f"{one.service} {one.size} ({one.message_bytes:.0f} B) ×{one.partitions}"
        target = verdict(one.ratio, FLOOR_TARGET) if one.partitions == 2 else ""
        floor_us = sorted(floor.postgres_us for floor in one.floors)[len(one.floors) // 2]
        lines.append(
            f"{name:<30}{one.per_second:>9,.0f}{one.floor_per_second:>8,.0f}{one.ratio:>7.2f}  {target:<14}"
            f"{one.median('python_us'):>8.1f}{one.median('postgres_us'):>8.1f}{floor_us:>8.1f}{one.median('wal_bytes'):>8,.0f}"
        )
    for one in comparisons:
        lines += _detail_lines(one)
    return lines


def _detail_lines(one: Comparison) -> list[str]:
    runs = " ".join(f"{run.per_second:,.0f}" for run in one.runs)
    floors = " ".join(f"{floor.per_second:,.0f}" for floor in one.floors)
    tables = ", ".join(
        f"{name} {spent:.1f} µs" + (f" ({one.rows_per_event[name]:.2g} rows)" if name in one.rows_per_event else "")
        for name, spent in sorted(one.floor_us.items(), key=lambda item: -item[1])
    )
    lines = [
        f"  {one.service}: runs {runs}; floors {floors}; floor on two connections "
        f"{one.floor_on_two.per_second:,.0f}; load average {one.load_average:.1f}",
        f"  {one.service}: the same rows sent by a client: {one.sent_per_second:,.0f} events/s "
        f"({' '.join(f'{sent.per_second:,.0f}' for sent in one.sent_floors)}), "
        f"ratio {one.sent_ratio:.2f} {verdict(one.sent_ratio, FLOOR_TARGET) if one.partitions == 2 else ''}".rstrip(),
        f"  {one.service}: the floor's event: {tables}",
    ]
    for connections, naive in sorted(one.naive.items()):
        times = one.per_second / naive.per_second
        target = verdict(times, NAIVE_TARGET) if connections == 1 else ""
        lines.append(
            f"  {one.service}: naive on {connections} connection(s) {naive.per_second:,.0f} events/s, "
            f"PostgreSQL {naive.postgres_us:.0f} µs/ev: {times:.1f}× {target}"
        )
    return lines


def notifier_lines(one: Notifier) -> list[str]:
    return [
        f"notification: {one.events:,} grants told to {one.notices:,} digests at {one.events_per_second:,} events/s, "
        f"{one.notices_closed_per_second:,} digests closed/s, {one.peak_bytes / 2**20:.0f} MiB at most",
        f"notification: {one.emails:,} e-mails handed over at {one.emails_per_second:,}/s to a server that takes all",
    ]


def as_json(result: Result) -> Mapping[str, Any]:
    """Every figure of the run, the medians beside the repetitions they come from."""
    return {
        "plan": dataclasses.asdict(result.plan),
        "machine": dataclasses.asdict(result.machine),
        "rules": None if result.rules is None else _rules(result.rules),
        "slices": [
            {**dataclasses.asdict(one), "percent": one.percent, "target_percent": TARGET_PERCENT}
            for one in result.slices
        ],
        "throughput": [_comparison(one) for one in result.comparisons],
        "latency": None if result.latency is None else _latency(result.latency),
        "memory": None if result.memory is None else dataclasses.asdict(result.memory),
        "fraud": None if result.fraud is None else dataclasses.asdict(result.fraud),
        "notification": None if result.notifier is None else dataclasses.asdict(result.notifier),
        "till": None if result.till is None else _till(result.till),
        "sustained": [
            {**dataclasses.asdict(one), "mean_cpu": one.cpu(), "limit": one.limit()} for one in result.sustained
        ],
    }


def _till(one: TillFigures) -> Mapping[str, Any]:
    rates = [{**dataclasses.asdict(rate), "ratio": rate.ratio, "p99_ratio": rate.p99_ratio} for rate in one.rates]
    return {**dataclasses.asdict(one), "rates": rates, "target_ratio": RATE_TARGET, "target_p99_ratio": P99_TARGET}


def _rules(one: RuleCost) -> Mapping[str, Any]:
    return {
        **dataclasses.asdict(one),
        "ratio": one.ratio,
        "us_per_rule_and_event": one.per_rule_us,
        "more_us_per_rule": one.more_per_rule_us,
        "target_us_per_rule_and_event": TARGET_US,
    }


def _latency(one: Latency) -> Mapping[str, Any]:
    return {
        **dataclasses.asdict(one),
        "capacity_events_per_second": one.capacity.per_second,
        "target_p99_ms": LATENCY_TARGET,
    }


def _comparison(one: Comparison) -> Mapping[str, Any]:
    return {
        **dataclasses.asdict(one),
        "events_per_second": one.per_second,
        "floor_events_per_second": one.floor_per_second,
        "ratio": one.ratio,
        "sent_floor_events_per_second": one.sent_per_second,
        "sent_ratio": one.sent_ratio,
        "target_ratio": FLOOR_TARGET if one.partitions == 2 else None,
        "runs": [{**dataclasses.asdict(run), "events_per_second": run.per_second} for run in one.runs],
        "naive": [{**dataclasses.asdict(naive), "events_per_second": naive.per_second} for naive in one.naive.values()],
    }
