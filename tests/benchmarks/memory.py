"""The memory of each process that works off a backlog of a million events."""

from dataclasses import dataclass

from deploy.local.processes import Say
from tests.benchmarks.comparison import RUN, Plan, publish_outbox
from tests.benchmarks.events import all_partitions, members_of, moment, purchases
from tests.benchmarks.stage import Stage
from tests.benchmarks.throughput import work_off

_BACKLOG, _QUICK_BACKLOG = 1_000_000, 50_000


@dataclass(frozen=True, slots=True)
class Memory:
    """Largest resident set of each worker, in bytes, from its start to the end of the backlog."""

    events: int
    earning_bytes: int
    redemption_bytes: int


async def measure_memory(stage: Stage, plan: Plan, say: Say) -> Memory:
    """On all partitions: first a million purchases in Kafka, then the million grants made of them."""
    backlog = _QUICK_BACKLOG if plan.quick else _BACKLOG
    say(f"memory with a backlog of {backlog:,} events" + (", for --quick" if plan.quick else ""))
    members = members_of(all_partitions(), backlog // 50)
    await stage.prepare(members)
    await stage.publish(purchases("small", members, backlog, moment(), plan.seed))
    earning = await work_off(stage, "earning", await stage.copy(RUN), RUN)
    await publish_outbox(stage, RUN)
    redemption = await work_off(stage, "redemption", await stage.copy(RUN), RUN)
    await stage.drop(RUN)
    return Memory(backlog, earning.peak_bytes, redemption.peak_bytes)
