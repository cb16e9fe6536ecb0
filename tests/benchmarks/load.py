"""A steady load: purchases sent on a schedule that waits for nobody, from a process of its own.

`python -m tests.benchmarks.load` sends event i at `start + i / rate`, however late the answers to the earlier ones are;
if it cannot keep up it sends late, and says how late. `start` is a reading of the system's monotonic clock, which all
processes share, so that whoever measures knows each event's scheduled instant without asking.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import islice

from aiokafka import AIOKafkaProducer

from deploy.local import processes
from deploy.local.processes import Child
from deploy.local.stack import CHECKOUT
from shared.events.kafka_binding import STRUCTURED_HEADERS
from tests.benchmarks.events import all_partitions, members_of, moment, purchase, small_receipt
from tests.benchmarks.stage import BenchmarkFailedError, Stage

_TICK_SECONDS = 0.005
START_SECONDS = 4.0  # from starting the process to its first event


@dataclass(frozen=True, slots=True)
class Load:
    """`rate` in events per second; every `sample_every`-th event is the only one of its member.

    `members` buy the others in turn. `start` is on the monotonic clock.
    """

    kafka: str
    name: str
    rate: float
    seconds: float
    members: int
    sample_every: int
    start: float

    @property
    def events(self) -> int:
        return int(self.rate * self.seconds)

    @property
    def samples(self) -> int:
        return -(-self.events // self.sample_every)

    @property
    def all_members(self) -> list[str]:
        """The samples' members first; these are the members to register."""
        return members_of(all_partitions(), self.samples + self.members)

    def due(self, place: int) -> float:
        return self.start + place / self.rate

    def event_id(self, place: int) -> str:
        return f"{self.name}-{place}"

    def member_of(self, place: int, known: Sequence[str]) -> str:
        if place % self.sample_every == 0:
            return known[place // self.sample_every]
        return known[self.samples + place % self.members]


@asynccontextmanager
async def running_load(stage: Stage, load: Load) -> AsyncIterator[Child]:
    """Start the sender; it begins at `load.start` and ends by itself. It is stopped at the end if it has not."""
    argv = (sys.executable, "-m", "tests.benchmarks.load", json.dumps(asdict(load)))
    child = processes.start(f"load-{load.name}", argv, stage.stack.state_dir, cwd=CHECKOUT)
    try:
        yield child
    finally:
        await child.stop()


async def latest_seconds(child: Child, seconds: float = 60) -> float:
    """Wait until the sender is through: by how much its latest event left after its scheduled instant."""
    if not await child.wait(seconds) or child.exit_code != 0:
        raise BenchmarkFailedError(f"The load was not sent: {processes.last_words(child.log)}.")
    return float(json.loads(child.log.read_text().strip().splitlines()[-1])["latest_seconds"])


async def _send(load: Load) -> float:
    """Send everything; the greatest delay behind the schedule, in seconds."""
    known, receipt, now = load.all_members, small_receipt(), moment()
    producer = AIOKafkaProducer(bootstrap_servers=load.kafka, enable_idempotence=True, acks="all", linger_ms=0)
    await producer.start()
    failed: list[BaseException] = []
    latest = 0.0

    def look(future: "asyncio.Future[object]") -> None:
        if (error := future.exception()) is not None:
            failed.append(error)

    try:
        if load.start < time.monotonic():
            raise BenchmarkFailedError("The load's process started too late; give it more time.")
        places = iter(range(load.events))
        sent = 0
        while sent < load.events:
            await asyncio.sleep(max(_TICK_SECONDS, load.due(sent) - time.monotonic()))
            due = int((time.monotonic() - load.start) * load.rate) + 1
            for place in islice(places, max(0, due - sent)):
                message = purchase(load.event_id(place), load.member_of(place, known), receipt, now)
                future = await producer.send(
                    message.topic, message.value, key=message.key, headers=list(STRUCTURED_HEADERS)
                )
                future.add_done_callback(look)
                latest = max(latest, time.monotonic() - load.due(place))
                sent += 1
        await producer.flush()
    finally:
        await producer.stop()
    if failed:
        raise failed[0]
    return latest


if __name__ == "__main__":
    print(json.dumps({"latest_seconds": asyncio.run(_send(Load(**json.loads(sys.argv[1]))))}))
