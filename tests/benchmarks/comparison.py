"""One worker process against its floor and the naive way, on one size of receipt and one choice of partitions."""

import asyncio
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.local.processes import Say
from tests.benchmarks import floor, naive, sent_floor
from tests.benchmarks.events import Size, members_of, moment, purchases
from tests.benchmarks.floor import FloorRate
from tests.benchmarks.market import realistic_pack
from tests.benchmarks.naive import NaiveRate
from tests.benchmarks.stage import CONSUMING, BenchmarkFailedError, Stage
from tests.benchmarks.staging import lay_aside
from tests.benchmarks.throughput import MARKET_ROWS, Rate, work_off

RUN, FLOOR = "bench_run", "bench_floor"
PARTITIONS: Mapping[int, tuple[int, ...]] = {1: (0,), 2: (1, 2)}
NAIVE_CONNECTIONS = (1, 8)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; `quick` is for a look, not for a figure to quote."""

    quick: bool
    seed: int
    events: int
    repetitions: int
    naive_seconds: float

    @property
    def members(self) -> int:
        return self.events // 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """Repetitions in their order; `floors` has one more: before, between and after them.

    `load_average` is the machine's over the last minute of it, our own processes included.
    """

    service: str
    size: Size
    partitions: int
    events: int
    message_bytes: float
    runs: tuple[Rate, ...]
    floors: tuple[FloorRate, ...]
    floor_on_two: FloorRate
    sent_floors: tuple[FloorRate, ...]
    rows_per_event: Mapping[str, float]
    floor_us: Mapping[str, float]
    load_average: float
    naive: Mapping[int, NaiveRate] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return statistics.median(run.per_second for run in self.runs)

    @property
    def floor_per_second(self) -> float:
        """Mean of the floors around each run; the median of these."""
        return statistics.median(self._around(place) for place in range(len(self.runs)))

    @property
    def ratio(self) -> float:
        """Each run against the floors right before and after it; the median of these."""
        return statistics.median(run.per_second / self._around(place) for place, run in enumerate(self.runs))

    @property
    def sent_ratio(self) -> float:
        """Against the floor that a client sends; its measurements lie before and after all runs."""
        return self.per_second / self.sent_per_second

    @property
    def sent_per_second(self) -> float:
        return statistics.fmean(sent.per_second for sent in self.sent_floors)

    def median(self, figure: str) -> float:
        """The median over the runs of one of Rate's figures."""
        return statistics.median(float(getattr(run, figure)) for run in self.runs)

    def _around(self, place: int) -> float:
        return (self.floors[place].per_second + self.floors[place + 1].per_second) / 2


async def compare(stage: Stage, plan: Plan, size: Size, partitions: int, say: Say) -> list[Comparison]:
    """Earning on a backlog of purchases, then redemption on the grants that earning made of them."""
    members = members_of(PARTITIONS[partitions], plan.members)
    await stage.prepare(members)
    messages = list(purchases(size, members, plan.events, moment(), plan.seed))
    await stage.publish(messages)
    message_bytes = statistics.fmean(len(message.value) for message in messages)
    del messages
    compared = []
    for service in CONSUMING:
        say(f"{service}, {size}, {partitions} partition(s): {plan.events} events")
        compared.append(await _compare_service(stage, plan, service, size, partitions, message_bytes))
        if service == "earning":
            message_bytes = await publish_outbox(stage, RUN)
    await stage.drop(RUN, FLOOR)
    return compared


async def compare_under_rules(stage: Stage, plan: Plan, say: Say) -> Comparison:
    """Earning on a supermarket's receipts under 20 rules, on two partitions."""
    members = members_of(PARTITIONS[2], plan.members)
    await stage.prepare(members, realistic_pack())
    messages = list(purchases("market", members, plan.events, moment(), plan.seed))
    await stage.publish(messages)
    message_bytes = statistics.fmean(len(message.value) for message in messages)
    say(f"earning, market, 20 rules, 2 partitions: {plan.events} events")
    compared = await _compare_service(stage, plan, "earning", "market", 2, message_bytes)
    await stage.drop(RUN, FLOOR)
    return compared


async def _compare_service(
    stage: Stage, plan: Plan, service: str, size: Size, partitions: int, message_bytes: float
) -> Comparison:
    rows = MARKET_ROWS if size == "market" else ()
    # the first run warms caches and gives the floor its rows
    await work_off(stage, service, await stage.copy(RUN), RUN, one_row_each=rows)
    staged = await lay_aside(stage, service, RUN, FLOOR)
    await floor.install(stage, staged)
    sent_floors = [await sent_floor.send_all(stage, staged)]
    floors = [await floor.post_all(stage, staged)]
    runs = []
    for _ in range(plan.repetitions):
        runs.append(await work_off(stage, service, await stage.copy(RUN), RUN, one_row_each=rows))
        floors.append(await floor.post_all(stage, staged))
    sent_floors.append(await sent_floor.send_all(stage, staged))
    floor_on_two = await floor.post_all(stage, staged, connections=2)
    floor_us = await floor.breakdown(stage, staged)
    is_simple = size == "small"
    return Comparison(
        service=service,
        size=size,
        partitions=partitions,
        events=staged.events,
        message_bytes=message_bytes,
        runs=tuple(runs),
        floors=tuple(floors),
        floor_on_two=floor_on_two,
        sent_floors=tuple(sent_floors),
        rows_per_event=staged.rows_per_event(),
        floor_us=floor_us,
        load_average=os.getloadavg()[0],
        naive={
            number: await naive.post_for(stage, staged, number, plan.naive_seconds)
            for number in (NAIVE_CONNECTIONS if is_simple else ())
        },
    )


async def publish_outbox(stage: Stage, database: str, seconds: float = 600) -> float:
    """Let earning's relay publish what the last run left in its outbox; the mean size of a payload in bytes."""
    dsns = await stage.dsns(database)
    async with stage.admin(database) as connection:
        size: float = await connection.fetchval("SELECT avg(length(payload))::float FROM earning.outbox")
        async with stage.worker("earning", dsns["earning"], roles="relay", name="relay"):
            try:
                async with asyncio.timeout(seconds):
                    while await connection.fetchval("SELECT EXISTS (SELECT FROM earning.outbox)"):
                        await asyncio.sleep(0.1)
            except TimeoutError:
                raise BenchmarkFailedError(f"The relay did not empty the outbox in {seconds:g} s.") from None
    return size


async def grants_of(stage: Stage, plan: Plan) -> None:
    """Have earning decide the purchases in Kafka and its relay publish the grants, unmeasured."""
    await work_off(stage, "earning", await stage.copy(RUN), RUN)
    await publish_outbox(stage, RUN)
