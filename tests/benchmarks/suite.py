"""Which parts there are, and their order in one run."""

from collections.abc import Sequence

from deploy.local.processes import Say
from tests.benchmarks import fraud, machine, notifier, profiled, report, report_spine, slices, till
from tests.benchmarks.comparison import PARTITIONS, Plan, compare, compare_under_rules
from tests.benchmarks.events import SIZES
from tests.benchmarks.latency import measure_latency
from tests.benchmarks.memory import measure_memory
from tests.benchmarks.result import Result
from tests.benchmarks.rules import measure_rules, rule_cost_lines
from tests.benchmarks.stage import Stage, running_stage
from tests.benchmarks.sustained import measure_sustained

ALL_PARTS = ("rules", "slices", "throughput", "market", "latency", "memory", "fraud", "notification", "till")
PARTS = (*ALL_PARTS, "small")  # small: of the throughput only the small receipts, the headline


async def run(plan: Plan, only: Sequence[str], sustained: int | None, profile: str | None, say: Say) -> Result:
    """Measure what is asked, printing each table as soon as it stands."""
    async with running_stage() as stage:
        result = Result(plan, await machine.describe(stage))
        for line in report.machine_lines(result.machine):
            say(line)
        if profile is not None:
            say(await profiled.profile_worker(stage, plan, profile))
            return result
        parts = only or (() if sustained else ALL_PARTS)
        if "rules" in parts:
            result.rules = measure_rules(number=1_000, repetitions=20 if plan.quick else 100, seed=plan.seed)
            for line in rule_cost_lines(result.rules):
                say(line)
        if "slices" in parts:
            result.slices = await slices.measure_slices(stage, plan, say)
        await _compare(stage, result, parts, say)
        await _measure(stage, result, parts, say)
        if "till" in parts:
            result.till = await till.measure_till(stage, plan, say)
            for line in till.lines(result.till):
                say(line)
        if sustained is not None:
            result.sustained = await measure_sustained(stage, plan, sustained, say)
            for line in report_spine.sustained_lines(result.sustained):
                say(line)
    return result


async def _compare(stage: Stage, result: Result, parts: Sequence[str], say: Say) -> None:
    if {"throughput", "small"} & set(parts):
        for size in SIZES if "throughput" in parts else SIZES[:1]:
            for partitions in PARTITIONS:
                result.comparisons += await compare(stage, result.plan, size, partitions, say)
                for line in report.comparison_lines(result.comparisons[-2:]):
                    say(line)
    if "market" in parts:
        result.comparisons.append(await compare_under_rules(stage, result.plan, say))
        for line in report.comparison_lines(result.comparisons[-1:]):
            say(line)


async def _measure(stage: Stage, result: Result, parts: Sequence[str], say: Say) -> None:
    if "latency" in parts:
        result.latency = await measure_latency(stage, result.plan, say)
        for line in report_spine.latency_lines(result.latency):
            say(line)
    if "memory" in parts:
        result.memory = await measure_memory(stage, result.plan, say)
        say(report_spine.memory_line(result.memory))
    if "fraud" in parts:
        seconds, backlog = (20, 10_000) if result.plan.quick else (60, 40_000)
        result.fraud = await fraud.measure_fraud(stage, say, seconds=seconds, backlog=backlog)
        for line in fraud.lines(result.fraud):
            say(line)
    if "notification" in parts:
        result.notifier = await notifier.measure_notifier(stage, quick=result.plan.quick)
        for line in report.notifier_lines(result.notifier):
            say(line)
