"""What the figures were measured on, and what else was running there."""

import asyncio
import os
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from shared.compiled import is_in_use
from tests.benchmarks.stage import Stage

_LOOK_SECONDS = 2.0
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Machine:
    """`others` are shares of one core by program name, of everything that is not the benchmark's."""

    cores: int
    memory_gib: float
    processor: str
    load_average: tuple[float, float, float]
    others: Mapping[str, float]
    versions: Mapping[str, str]


async def describe(stage: Stage) -> Machine:
    """Look for a moment, while nothing of the benchmark works."""
    others = await _others(set(stage.stack.pids.values()) | {os.getpid()})
    async with stage.admin() as connection:
        postgres = await connection.fetchval("SHOW server_version")
    return Machine(
        cores=os.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / 1024**3, 1),
        processor=_processor(),
        load_average=os.getloadavg(),
        others=others,
        versions={"PostgreSQL": postgres, "Kafka": _kafka(stage), "Python": _python()},
    )


def _python() -> str:
    """What the workers run in too: they inherit the setting."""
    return f"{platform.python_version()} {'with' if is_in_use() else 'without'} compiled modules"


async def _others(own: set[int]) -> Mapping[str, float]:
    before = {process: _spent(process) for process in psutil.process_iter()}
    await asyncio.sleep(_LOOK_SECONDS)
    shares: Counter[str] = Counter()
    for process in psutil.process_iter():
        try:
            if process.pid in own or any(parent.pid in own for parent in process.parents()):
                continue
            shares[process.name()] += int(1000 * (_spent(process) - before.get(process, 0.0)) / _LOOK_SECONDS)
        except psutil.Error:
            continue
    return {name: share / 1000 for name, share in shares.most_common(_SHOWN) if share >= 10}


def _spent(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _kafka(stage: Stage) -> str:
    jars = sorted((stage.stack.state_dir / "kafka-jars").glob("kafka-clients-*.jar"))
    return jars[0].stem.removeprefix("kafka-clients-") if jars else "given"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
