"""`python -m tests.benchmarks.fraud`: from the event that reaches a threshold to its hold on Kafka, at 500 events/s.

Then a backlog: events per second and the largest resident memory of one worker process with all its roles.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import count

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local import ports
from deploy.local.processes import Say
from deploy.local.trouble import Trouble
from services.operator.traffic.fruit import MERCHANT_ID, PROGRAM_ID
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender
from shared.runtime.partitioner import partition_of
from tests.benchmarks.events import PURCHASES, Message, moment
from tests.benchmarks.latency import Spread, spread
from tests.benchmarks.stage import BenchmarkFailedError, Stage, running_stage
from tests.benchmarks.usage import peak_resident_bytes

DATABASE = "bench_fraud"
HOLDS = "fraud.holds.v1"
RATE = 500.0
TARGET_SECONDS = 2.0
_MEMBERS = 5_000
_DEVICES = 20_000
_FAST, _CROWD = 15, 5  # the limits of MEMBER_VELOCITY and DEVICE_SHARED
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class FraudFigures:
    """`spread` in milliseconds from the instant the last needed event should have been sent; memory in bytes."""

    rate: float
    seconds: float
    holds: int
    spread: Spread
    sent_late: float
    backlog: int
    per_second: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One event of the schedule; `trigger` names the member whose hold it must lead to."""

    member: str
    device: str
    trigger: str | None = None


async def measure_fraud(stage: Stage, say: Say, *, seconds: float, backlog: int) -> FraudFigures:
    """One worker process for both parts, each on fresh topics and an empty database."""
    say(f"fraud_monitoring: triggers among {RATE:g} events/s for {seconds:g} s")
    async with _worker(stage) as (_, url):
        await _until_ready(url)
        latencies, late = await _latencies(stage, seconds)
    say(f"fraud_monitoring: a backlog of {backlog} purchases")
    per_second, peak = await _backlog(stage, backlog)
    return FraudFigures(RATE, seconds, len(latencies), spread(latencies), late, backlog, per_second, peak)


def schedule(number: int) -> list[Planned]:
    """Ordinary purchases, and in turn a member in a hurry and a crowd on one device, spread over the whole time."""
    planned = [Planned(f"m-{place % _MEMBERS}", f"d-{place % _DEVICES}") for place in range(number)]
    attack = count()
    every = 100  # ordinary events from the beginning of one attack to the next
    for start in range(0, number - every, every):
        name = f"attack-{next(attack)}"
        if start // every % 2:
            places = range(start, start + 5 * _FAST, 5)
            for place in places:
                planned[place] = Planned(name, f"d-{name}", name if place == places[-1] else None)
        else:
            places = range(start, start + 15 * _CROWD, 15)
            for place in places:
                member = f"{name}-{place}"
                planned[place] = Planned(member, f"d-{name}", member if place == places[-1] else None)
    return planned


async def _latencies(stage: Stage, seconds: float) -> tuple[list[float], float]:
    """Seconds from each trigger's scheduled instant until a consumer has its member's hold; and the sender's delay."""
    planned = schedule(int(RATE * seconds))
    start = time.monotonic() + 1
    due = {plan.trigger: start + place / RATE for place, plan in enumerate(planned) if plan.trigger}
    seen: dict[str, float] = {}
    async with _holds(stage) as consumer:
        sending = asyncio.create_task(_send(stage, planned, start))
        deadline = start + seconds + _PATIENCE_SECONDS
        while not due.keys() <= seen.keys():
            if time.monotonic() > deadline:
                raise BenchmarkFailedError(f"{len(due.keys() - seen.keys())} of {len(due)} holds never came.")
            for records in (await consumer.getmany(timeout_ms=20)).values():
                now = time.monotonic()
                for record in records:
                    seen.setdefault(orjson.loads(record.value)["data"]["member_id"], now)
        late = await sending
    return [seen[member] - at for member, at in due.items()], late


async def _send(stage: Stage, planned: list[Planned], start: float) -> float:
    """On a schedule that waits for nobody; the greatest delay behind it, in seconds."""
    now, latest = moment(), 0.0
    messages = [_message(f"s-{place}", plan, now) for place, plan in enumerate(planned)]
    producer = AIOKafkaProducer(bootstrap_servers=stage.kafka, enable_idempotence=True, acks="all", linger_ms=0)
    await producer.start()
    try:
        for place, message in enumerate(messages):
            at = start + place / RATE
            if (wait := at - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            await producer.send(
                message.topic,
                message.value,
                key=message.key,
                partition=partition_of(message.key, 8),
                headers=list(STRUCTURED_HEADERS),
            )
            latest = max(latest, time.monotonic() - at)
        await producer.flush()
    finally:
        await producer.stop()
    return latest


async def _backlog(stage: Stage, number: int) -> tuple[float, int]:
    """Events per second of one process between 20% and the end of what waits for it, and its memory."""
    await stage.fresh_topics()
    now = moment()
    await stage.publish(_ordinary(number, now))
    async with _worker(stage, fresh=False) as (pid, _):
        began, begun_at = await _until_committed(stage, number // 5)
        ended, ended_at = await _until_committed(stage, number)
        peak = peak_resident_bytes(pid)
    return (ended - began) / (ended_at - begun_at), peak


def _ordinary(number: int, now: datetime) -> Iterator[Message]:
    for place in range(number):
        yield _message(f"b-{place}", Planned(f"m-{place % _MEMBERS}", f"d-{place % _DEVICES}"), now)


def _message(event_id: str, plan: Planned, now: datetime) -> Message:
    line = PurchaseLine(line_id="1", sku="apple", condition="new", quantity=1, net_minor=1_000)
    data = PurchaseCompleted(
        program_id=PROGRAM_ID,
        merchant_id=MERCHANT_ID,
        store_id="s1",
        terminal_id="t1",
        receipt_id=event_id,
        member_id=plan.member,
        currency="CNY",
        lines=(line,),
        tenders=(Tender(kind="cash", amount_minor=1_000),),
        total_minor=1_000,
        channel="store",
        device_hash=plan.device,
    )
    key = member_key(PROGRAM_ID, plan.member)
    value = encode(event_id, f"/pos/{MERCHANT_ID}/t1", data.TYPE, plan.member, now, key, data)
    return Message(PURCHASES, key.encode(), value)


@asynccontextmanager
async def _worker(stage: Stage, *, fresh: bool = True) -> AsyncIterator[tuple[int, str]]:
    """One process with all its roles on an empty database; its pid and address."""
    if fresh:
        await stage.fresh_topics()
    await stage.drop(DATABASE)
    dsns = await stage.dsns(DATABASE)
    port = ports.free_port()
    async with stage.worker(
        "fraud_monitoring",
        dsns["fraud_monitoring"],
        roles="consume,relay,serve",
        environment={"GREENPOINTS_HTTP_PORT": str(port)},
    ) as child:
        yield child.pid, f"http://127.0.0.1:{port}"


async def _until_ready(url: str) -> None:
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client, asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            try:
                if "greenpoints_fraud_stream_ready 1.0" in (await client.get(f"{url}/metrics")).text:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.2)


@asynccontextmanager
async def _holds(stage: Stage) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=stage.kafka, fetch_max_wait_ms=20)
    await consumer.start()
    try:
        places = [TopicPartition(HOLDS, number) for number in range(8)]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        yield consumer
    finally:
        await consumer.stop()


async def _until_committed(stage: Stage, number: int) -> tuple[int, float]:
    """The group's committed offsets on the purchases once they are at least `number`, and when that was."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stage.kafka, group_id="fraud_monitoring", enable_auto_commit=False)
    await consumer.start()
    places = [TopicPartition(PURCHASES, partition) for partition in range(8)]
    try:
        consumer.assign(places)
        async with asyncio.timeout(600):
            while True:
                committed = sum([await consumer.committed(place) or 0 for place in places])
                if committed >= number:
                    return committed, time.monotonic()
                await asyncio.sleep(0.1)
    finally:
        await consumer.stop()


def lines(figures: FraudFigures) -> list[str]:
    met = "met" if figures.spread.p99 <= TARGET_SECONDS * 1000 else "missed"
    return [
        f"trigger to hold at {figures.rate:g} events/s, {figures.holds} holds: p50 {figures.spread.p50:g}, "
        f"p95 {figures.spread.p95:g}, p99 {figures.spread.p99:g}, worst {figures.spread.worst:g} ms "
        f"(p99 <= {TARGET_SECONDS * 1000:g}: {met}); sent at most {figures.sent_late * 1000:.0f} ms late",
        f"backlog of {figures.backlog:,} purchases with devices: {figures.per_second:,.0f} events/s, "
        f"{figures.peak_bytes / 2**20:.0f} MiB at most",
    ]


async def _main(quick: bool) -> FraudFigures:
    async with running_stage() as stage:
        return await measure_fraud(stage, print, seconds=20 if quick else 60, backlog=10_000 if quick else 40_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fraud", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look, not a figure to quote")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too")
    asked = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs what it then does again by itself
    try:
        figures = asyncio.run(_main(asked.quick))
    except (BenchmarkFailedError, Trouble) as failed:
        sys.exit(f"The benchmark failed: {failed}")
    for line in lines(figures):
        print(line)
    if asked.json:
        print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
