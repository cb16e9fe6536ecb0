"""`--profile`: the worker under cProfile while it works off a backlog; where its own time goes.

`python -m tests.benchmarks.profiled SERVICE FILE` is the profiled process itself: the service's own `main` on asyncio's
loop (uvloop's waiting cannot be told from its working), its figures written to FILE when it is stopped. cProfile makes
many small calls look dearer than they are: compare shares and before with after, not microseconds with the table's.
"""

import asyncio
import cProfile
import importlib
import pstats
import sys
from collections import defaultdict
from pathlib import Path
from typing import TypeAlias

import uvloop

from shared.runtime.process import main as run_service
from tests.benchmarks.comparison import Plan, grants_of
from tests.benchmarks.events import members_of, moment, purchases
from tests.benchmarks.market import realistic_pack
from tests.benchmarks.stage import PREPARED, Stage
from tests.benchmarks.throughput import MARKET_ROWS, work_off

Function: TypeAlias = tuple[str, int, str]
_TOP = 45
# The first that fits names the phase; builtins count where they are called.
_PHASES = (
    ("waiting", ("'poll' of 'select.epoll'",)),
    ("encode what goes out", ("kafka_binding.py:encode", "batch.py:outgoing_event", "hashlib", "uuid.py:uuid5")),
    (
        "decode",
        ("shared/events/", "pydantic", "runtime/batch.py", "readable_records", "partitioner", "runtime/slot.py"),
    ),
    ("Kafka client", ("aiokafka",)),
    ("load", ("store/load", "store/books", "store/lots", "store/budget", "store/touched")),
    ("decide", ("/handlers/", "/decide/", "/domain/", "desk.py", "outcomes.py", "shared/programs", "batch_run.py")),
    ("save's columns", ("store/save", "runtime/ledger.py", "runtime/statement.py", "runtime/gate.py")),
    ("database client", ("asyncpg",)),
)


def main() -> None:
    service, file = sys.argv[1:]
    uvloop.run = asyncio.run  # type: ignore[assignment]
    wiring = importlib.import_module(f"services.{service}.app").SERVICE
    profile = cProfile.Profile()
    try:
        profile.runcall(run_service, wiring)
    finally:
        profile.dump_stats(file)


async def profile_worker(stage: Stage, plan: Plan, profiled: str) -> str:
    """Work off one backlog on two partitions under cProfile; the figures as text.

    `profiled` is a service on small events, or `rules`: earning on a supermarket's receipts under 20 rules.
    """
    members = members_of((1, 2), plan.members)
    service = "earning" if profiled == "rules" else profiled
    if profiled == "rules":
        await stage.prepare(members, realistic_pack())
        events = await stage.publish(purchases("market", members, plan.events, moment(), plan.seed))
    else:
        await stage.prepare(members)
        events = await stage.publish(purchases("small", members, plan.events, moment(), plan.seed))
    if service == "redemption":
        await grants_of(stage, plan)
    dsns = await stage.copy("bench_run", of=PREPARED)
    file = stage.stack.state_dir / f"{service}.profile"
    module = ("tests.benchmarks.profiled", service, str(file))
    rows = MARKET_ROWS if profiled == "rules" else ()
    await work_off(stage, service, dsns, "bench_run", module=module, one_row_each=rows)
    return describe(file, events)


def describe(file: Path, events: int) -> str:
    stats = pstats.Stats(str(file))
    own = _own_times(stats)
    phases: dict[str, float] = defaultdict(float)
    for function, caller, seconds in own:
        phases[_phase(function, caller)] += seconds
    busy = sum(seconds for name, seconds in phases.items() if name != "waiting")
    lines = [f"Own time over {events} events under cProfile, start and stop of the process included:"]
    for name, seconds in sorted(phases.items(), key=lambda item: -item[1]):
        share = "" if name == "waiting" else f"{seconds / busy:6.1%}"
        lines.append(f"  {name:<22}{seconds:8.2f} s {seconds * 1e6 / events:8.1f} µs/event {share}")
    totals: dict[Function, float] = defaultdict(float)
    for function, _, seconds in own:
        totals[function] += seconds
    calls = {function: entry[1] for function, entry in stats.stats.items()}  # type: ignore[attr-defined]
    lines.append("Top functions by own time:")
    for function, seconds in sorted(totals.items(), key=lambda item: -item[1])[:_TOP]:
        lines.append(
            f"  {seconds * 1e6 / events:7.2f} µs/event {calls[function] / events:8.2f} calls/event  {_shown(function)}"
        )
    return "\n".join(lines)


def _own_times(stats: pstats.Stats) -> list[tuple[Function, Function | None, float]]:
    """(function, its caller if it is a builtin, own seconds)."""
    own: list[tuple[Function, Function | None, float]] = []
    for function, (_, _, seconds, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if function[0] != "~" or not callers:
            own.append((function, None, seconds))
            continue
        own.extend((function, caller, entry[2]) for caller, entry in callers.items())
    return own


def _phase(function: Function, caller: Function | None) -> str:
    for name, marks in _PHASES:
        for one in (function, caller):
            if one is not None and any(mark in f"{one[0]}:{one[2]}" for mark in marks):
                return name
    return "event loop and rest"


def _shown(function: Function) -> str:
    file, line, name = function
    return name if file == "~" else f"{'/'.join(Path(file).parts[-3:])}:{line} {name}"


if __name__ == "__main__":
    main()
